//! Which version of the API a client speaks: `/v1.44/…`, or the newest when the path names none.

use std::fmt;
use std::str::FromStr;

use axum::extract::{FromRequestParts, Request};
use axum::http::request::Parts;
use axum::http::uri::{PathAndQuery, Uri};
use axum::http::{HeaderName, HeaderValue, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::error::Failure;

/// A version of the Docker Engine API.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct ApiVersion {
    major: u32,
    minor: u32,
}

/// The oldest version that is spoken.
pub(super) const OLDEST: ApiVersion = ApiVersion::new(40);

/// The newest version that is spoken.
pub(super) const NEWEST: ApiVersion = ApiVersion::new(51);

/// The first version in which networks are told apart as the source of the default route.
pub(super) const GATEWAY_PRIORITY: ApiVersion = ApiVersion::new(48);

impl ApiVersion {
    /// Version 1.`minor`.
    pub(super) const fn new(minor: u32) -> Self {
        Self { major: 1, minor }
    }
}

impl fmt::Display for ApiVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

impl FromStr for ApiVersion {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (major, minor) = text.split_once('.').ok_or(())?;
        let number = |digits: &str| {
            let clean = digits.bytes().all(|byte| byte.is_ascii_digit());
            digits.parse().ok().filter(|_| clean).ok_or(())
        };
        Ok(Self {
            major: number(major)?,
            minor: number(minor)?,
        })
    }
}

impl<S: Sync> FromRequestParts<S> for ApiVersion {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        Ok(parts.extensions.get().copied().unwrap_or(NEWEST))
    }
}

/// Takes the version off the path and leaves it with the request; refuses versions that are not spoken.
pub(super) async fn negotiate(mut request: Request, next: Next) -> Response {
    match split(request.uri()) {
        Some((version, uri)) => {
            if let Err(refusal) = check(version) {
                return refusal.into_response();
            }
            request.extensions_mut().insert(version);
            *request.uri_mut() = uri;
        }
        None => {
            request.extensions_mut().insert(NEWEST);
        }
    }
    next.run(request).await
}

/// Says on every answer who speaks and which versions.
pub(super) async fn introduce(mut response: Response) -> Response {
    let server = concat!("rnet/", env!("CARGO_PKG_VERSION"), " (linux)");
    let newest = NEWEST.to_string();
    let headers = response.headers_mut();
    headers.insert(header::SERVER, HeaderValue::from_static(server));
    for (name, value) in [
        ("api-version", newest.as_str()),
        ("docker-experimental", "false"),
        ("ostype", "linux"),
    ] {
        if let Ok(value) = HeaderValue::from_str(value) {
            headers.insert(HeaderName::from_static(name), value);
        }
    }
    response
}

fn split(uri: &Uri) -> Option<(ApiVersion, Uri)> {
    let whole = uri.path_and_query()?.as_str();
    let (version, _) = uri.path().strip_prefix("/v")?.split_once('/')?;
    let rest = whole.get("/v".len() + version.len()..)?;
    let mut parts = uri.clone().into_parts();
    parts.path_and_query = Some(rest.parse::<PathAndQuery>().ok()?);
    Some((version.parse().ok()?, Uri::from_parts(parts).ok()?))
}

fn check(version: ApiVersion) -> Result<(), Failure> {
    if version < OLDEST {
        return Err(Failure::invalid(format!(
            "client version {version} is too old. Minimum supported API version is {OLDEST}, \
             please upgrade your client to a newer version"
        )));
    }
    if version > NEWEST {
        return Err(Failure::invalid(format!(
            "client version {version} is too new. Maximum supported API version is {NEWEST}"
        )));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split_path(path: &str) -> Option<(String, String)> {
        let (version, uri) = split(&path.parse().unwrap())?;
        Some((version.to_string(), uri.to_string()))
    }

    #[test]
    fn the_version_leaves_the_path_and_the_query_stays() {
        let found = split_path("/v1.44/networks/a%2Fb?x=%7B%7D");
        assert_eq!(
            found,
            Some(("1.44".into(), "/networks/a%2Fb?x=%7B%7D".into()))
        );
    }

    #[test]
    fn a_path_that_only_looks_versioned_is_left_alone() {
        for path in [
            "/version",
            "/v1.44",
            "/volumes/x",
            "/v1/x",
            "/v1.x/y",
            "/v+1.40/y",
        ] {
            assert_eq!(split_path(path), None, "{path}");
        }
    }

    #[test]
    fn versions_are_numbers_and_not_fractions() {
        assert!("1.9".parse::<ApiVersion>().unwrap() < OLDEST);
        assert!(
            check(ApiVersion::new(39))
                .unwrap_err()
                .to_string()
                .contains("is too old")
        );
        assert!(
            check(ApiVersion::new(52))
                .unwrap_err()
                .to_string()
                .contains("is too new")
        );
        assert!(check(NEWEST).is_ok() && check(OLDEST).is_ok());
    }
}
