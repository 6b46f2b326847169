//! The JSON body of a request, by the rules of the Docker Engine, nulls and all.

use axum::body::{Body, to_bytes};
use axum::extract::{FromRequest, Request};
use axum::http::{HeaderMap, header};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::error::Failure;

/// The longest body that is read, in bytes.
const LONGEST: usize = 4 << 20;

/// Members that are maps of objects, in which clients write null for an object with nothing in it.
const MAPS: [&str; 3] = ["EndpointsConfig", "ExposedPorts", "Volumes"];

/// Members that are lists of words, for which one word will do.
const WORDS: [&str; 2] = ["Cmd", "Entrypoint"];

/// The body of a request; an empty one is `T`'s default.
#[derive(Debug)]
pub(super) struct Json<T>(pub T);

impl<T: DeserializeOwned + Default> Json<T> {
    /// Reads the body of a request.
    pub(super) async fn read(request: Request<Body>) -> Result<Self, Failure> {
        let (parts, body) = request.into_parts();
        if is_empty(&parts.headers) {
            return Ok(Self(T::default()));
        }
        check_type(&parts.headers)?;
        let bytes = to_bytes(body, LONGEST)
            .await
            .map_err(|error| Failure::invalid(format!("cannot read request body: {error}")))?;
        parse(&bytes).map(Self)
    }
}

impl<T: DeserializeOwned + Default, S: Send + Sync> FromRequest<S> for Json<T> {
    type Rejection = Failure;

    async fn from_request(request: Request<Body>, _: &S) -> Result<Self, Failure> {
        Self::read(request).await
    }
}

fn is_empty(headers: &HeaderMap) -> bool {
    match headers.get(header::CONTENT_LENGTH) {
        Some(length) => length.as_bytes() == b"0",
        None => !headers.contains_key(header::TRANSFER_ENCODING),
    }
}

fn check_type(headers: &HeaderMap) -> Result<(), Failure> {
    let given = headers
        .get(header::CONTENT_TYPE)
        .map_or("", |v| v.to_str().unwrap_or("?"));
    let essence = given.split(';').next().unwrap_or_default().trim();
    if essence.eq_ignore_ascii_case("application/json") {
        return Ok(());
    }
    Err(Failure::invalid(format!(
        "unsupported Content-Type header ({given}): must be 'application/json'"
    )))
}

fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Failure> {
    let invalid = |error| Failure::invalid(format!("invalid JSON: {error}"));
    let mut values = serde_json::Deserializer::from_slice(bytes).into_iter::<Value>();
    let Some(value) = values.next() else {
        return Err(Failure::invalid(
            "invalid JSON: got EOF while reading request body",
        ));
    };
    let mut value = value.map_err(invalid)?;
    if values.next().is_some() {
        return Err(Failure::invalid("unexpected content after JSON"));
    }
    settle(&mut value);
    serde_json::from_value(value).map_err(invalid)
}

/// Brings a value into the form the models expect, as Go's decoder would have understood it.
fn settle(value: &mut Value) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(settle),
        Value::Object(members) => {
            for (name, member) in members {
                match member {
                    Value::Object(entries) if MAPS.contains(&name.as_str()) => {
                        let nothing = entries.values_mut().filter(|entry| entry.is_null());
                        nothing.for_each(|entry| *entry = Value::Object(Map::new()));
                    }
                    Value::String(word) if WORDS.contains(&name.as_str()) => {
                        *member = Value::Array(vec![Value::String(std::mem::take(word))]);
                    }
                    _ => {}
                }
                settle(member);
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use bollard_stubs::models::{ContainerCreateBody, NetworkDisconnectRequest};

    use super::*;

    async fn sent(kind: Option<&str>, body: &'static str) -> Result<(), String> {
        let mut request = Request::builder().header(header::CONTENT_LENGTH, body.len());
        if let Some(kind) = kind {
            request = request.header(header::CONTENT_TYPE, kind);
        }
        let request = request.body(Body::from(body)).unwrap();
        let read = Json::<NetworkDisconnectRequest>::from_request(request, &()).await;
        read.map(|_| ()).map_err(|failure| failure.to_string())
    }

    #[tokio::test]
    async fn bodies_are_json_or_nothing() {
        let json = Some("application/json; charset=utf-8");
        assert_eq!(sent(None, "").await, Ok(()));
        assert_eq!(
            sent(json, r#"{"Container":"c","Force":null}"#).await,
            Ok(())
        );
        let wrong = "unsupported Content-Type header (text/plain): must be 'application/json'";
        assert_eq!(sent(Some("text/plain"), "{}").await, Err(wrong.into()));
        let eof = "invalid JSON: got EOF while reading request body";
        assert_eq!(sent(json, "  ").await, Err(eof.into()));
        assert!(
            sent(json, "{")
                .await
                .unwrap_err()
                .starts_with("invalid JSON: ")
        );
        let trailing = "unexpected content after JSON";
        assert_eq!(
            sent(json, r#"{"Container":"c"} {"#).await,
            Err(trailing.into())
        );
    }

    #[test]
    fn nulls_and_single_words_are_understood() {
        let body: ContainerCreateBody = parse(
            br#"{"Cmd":"ls","Env":null,"ExposedPorts":{"80/tcp":null},
                 "HostConfig":{"PortBindings":{"80/tcp":null},"Binds":null},
                 "NetworkingConfig":{"EndpointsConfig":{"n":null}}}"#,
        )
        .unwrap();
        assert_eq!(body.cmd, Some(vec!["ls".to_owned()]));
        assert_eq!(body.exposed_ports, Some(vec!["80/tcp".to_owned()]));
        let endpoints = body.networking_config.unwrap().endpoints_config.unwrap();
        assert!(endpoints.contains_key("n"));
        let ports = body.host_config.unwrap().port_bindings.unwrap();
        assert_eq!(ports["80/tcp"], None);
    }
}
