//! Who asks a registry: the header `X-Registry-Auth`, and `POST /auth`, which tries a login out.

use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use base64::Engine;
use base64::alphabet::URL_SAFE;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use rnet_registry::{Login, Repository, Secret};
use serde::{Deserialize, Serialize};

use super::body::Json as Body;
use super::error::Failure;
use super::routes::{Carries, Routes, post};
use super::{Answer, Api};
use crate::error::Error;

/// Docker's registry by the address that clients know it by.
const DOCKER: &str = "https://index.docker.io/v1/";

/// A login as clients send it; the rest of what they send means nothing here.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Credentials {
    username: Option<String>,
    password: Option<String>,
    serveraddress: Option<String>,
    identitytoken: Option<String>,
    registrytoken: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Welcome {
    status: &'static str,
    identity_token: &'static str,
}

pub(super) fn routes() -> Routes {
    Routes::new().route("/auth", post(check).takes(Carries::json::<Credentials>()))
}

async fn check(State(api): State<Api>, Body(asked): Body<Credentials>) -> Answer<Json<Welcome>> {
    let registry = registry_of(asked.serveraddress.as_deref().unwrap_or_default());
    let reach = &api.daemon.settings().registries;
    let checked = Repository::check_login(reach, &registry, asked.login()?).await;
    checked.map_err(Error::from)?;
    Ok(Json(Welcome {
        status: "Login Succeeded",
        identity_token: "",
    }))
}

/// The login in a request's headers (Docker Engine API, "Authentication"): JSON in base64 for URLs, with or without padding.
pub(super) fn login(headers: &HeaderMap) -> Answer<Login> {
    let Some(header) = headers.get("X-Registry-Auth").filter(|it| !it.is_empty()) else {
        return Ok(Login::Anonymous);
    };
    let padding =
        GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
    // some clients take the other alphabet
    let header = header.as_bytes().iter().map(|it| match it {
        b'+' => b'-',
        b'/' => b'_',
        other => *other,
    });
    let text = GeneralPurpose::new(&URL_SAFE, padding).decode(header.collect::<Vec<_>>());
    let told = text.ok().and_then(|text| match text.as_slice() {
        b"" | b"null" => Some(Credentials::default()),
        text => serde_json::from_slice(text).ok(),
    });
    let told = told.ok_or_else(|| {
        Failure::invalid("invalid X-Registry-Auth header: JSON in base64 is expected")
    })?;
    told.login()
}

impl Credentials {
    fn login(self) -> Answer<Login> {
        let told = |text: Option<String>| text.filter(|text| !text.is_empty());
        if let Some(token) = told(self.registrytoken) {
            return Ok(Login::Token(Secret(token)));
        }
        if told(self.identitytoken).is_some() {
            return Err(Failure::unsupported(
                "identity tokens of registries are not supported: log in with a user and a password or an access token",
            ));
        }
        let password = Secret(self.password.unwrap_or_default());
        Ok(match told(self.username) {
            None => Login::Anonymous,
            Some(user) => Login::Password { user, password },
        })
    }
}

/// The registry of an address, be it a URL.
fn registry_of(address: &str) -> String {
    if address.is_empty() || address == DOCKER {
        return "docker.io".to_owned();
    }
    let bare = address.split_once("://").map_or(address, |(_, rest)| rest);
    bare.split('/').next().unwrap_or(bare).to_owned()
}

#[cfg(test)]
mod tests {
    use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE};

    use super::*;

    fn told(text: &str) -> Result<Login, String> {
        let mut headers = HeaderMap::new();
        headers.insert("X-Registry-Auth", text.parse().unwrap());
        login(&headers).map_err(|failure| failure.to_string())
    }

    #[test]
    fn a_login_is_read_from_the_header() {
        let text = r#"{"username":"me","password":"pä?>","serveraddress":"localhost:5000"}"#;
        let padded = BASE64_URL_SAFE.encode(text);
        let login = Login::Password {
            user: "me".into(),
            password: Secret("pä?>".into()),
        };
        assert_eq!(told(padded.trim_end_matches('=')), Ok(login.clone()));
        assert_eq!(told(&padded), Ok(login.clone()));
        assert_eq!(told(&BASE64_STANDARD.encode(text)), Ok(login));
        for nobody in ["e30", "e30=", "bnVsbA=="] {
            assert_eq!(told(nobody), Ok(Login::Anonymous), "{nobody}");
        }
        let token = BASE64_URL_SAFE.encode(r#"{"registrytoken":"t"}"#);
        assert_eq!(told(&token), Ok(Login::Token(Secret("t".into()))));
        assert!(told("%%%").unwrap_err().contains("X-Registry-Auth"));
        let identity = BASE64_URL_SAFE.encode(r#"{"identitytoken":"t"}"#);
        assert!(told(&identity).unwrap_err().contains("identity tokens"));
    }

    #[test]
    fn a_registry_is_known_by_its_address() {
        for (address, registry) in [
            ("", "docker.io"),
            ("https://index.docker.io/v1/", "docker.io"),
            ("localhost:5000", "localhost:5000"),
            ("https://registry.example/v2/", "registry.example"),
        ] {
            assert_eq!(registry_of(address), registry, "{address}");
        }
    }
}
