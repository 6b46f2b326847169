//! The daemon's API: the client library for plain calls, the bare wire for streams and raw documents.

use bollard::errors::Error as ClientError;
use bollard::{API_DEFAULT_VERSION, BollardRequest, Docker};
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::header::{CONNECTION, CONTENT_TYPE, UPGRADE};
use hyper::http::request::Builder;
use hyper::upgrade::{self, Upgraded};
use hyper::{Method, Request, Response};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::error::{Error, Result};
use crate::host::Host;
use crate::tls::Certificates;
use crate::wire::Wire;

/// `stop` and `wait` take as long as the container does.
const NO_TIMEOUT_S: u64 = u64::MAX;

/// All characters but those that stand for themselves in a path (RFC 3986, 2.3, "unreserved").
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'~');

/// A conversation with one daemon.
pub(crate) struct Api {
    /// Calls with one request and one answer.
    pub(crate) docker: Docker,
    wire: Wire,
}

impl Api {
    /// Prepares to talk to `host`; the first call connects.
    pub(crate) fn new(host: Host, certificates: &Certificates) -> Result<Self> {
        let wire = Wire::new(host, certificates)?;
        let carrier = wire.clone();
        let transport = move |request: BollardRequest| {
            let wire = carrier.clone();
            async move {
                let sent = wire.send(request).await;
                sent.map_err(|error| ClientError::IOError {
                    err: std::io::Error::other(error),
                })
            }
        };
        let docker = Docker::connect_with_custom_transport(
            transport,
            Some("http://rnet"),
            NO_TIMEOUT_S,
            API_DEFAULT_VERSION,
        )?;
        Ok(Self { docker, wire })
    }

    /// `GET path`: the document exactly as the daemon tells it, fields unknown to us included.
    pub(crate) async fn document(&self, path: &str) -> Result<Value> {
        let answer = self.open(Method::GET, path).await?;
        read(answer).await
    }

    /// `POST path` with a document; the document that is answered, or nothing.
    pub(crate) async fn post(&self, path: &str, body: &Value) -> Result<Value> {
        let request = Request::builder()
            .method(Method::POST)
            .uri(path)
            .header(CONTENT_TYPE, "application/json");
        read(self.answer(request, body.to_string().into()).await?).await
    }

    /// Sends a request without a body and hands back the answer, whose body is still to come.
    pub(crate) async fn open(&self, method: Method, path: &str) -> Result<Response<Incoming>> {
        self.open_with(method, path, &[]).await
    }

    /// The same with headers.
    pub(crate) async fn open_with(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
    ) -> Result<Response<Incoming>> {
        let mut request = Request::builder().method(method).uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.answer(request, Bytes::new()).await
    }

    /// Posts `body` (JSON, or nothing) and takes over the connection (docker.md 4.4).
    pub(crate) async fn hijack(&self, path: &str, body: Bytes) -> Result<Upgraded> {
        let request = Request::builder()
            .method(Method::POST)
            .uri(path)
            .header(CONTENT_TYPE, "application/json")
            .header(CONNECTION, "Upgrade")
            .header(UPGRADE, "tcp");
        let answer = self.answer(request, body).await?;
        upgrade::on(answer).await.map_err(Error::broken)
    }

    async fn answer(&self, request: Builder, body: Bytes) -> Result<Response<Incoming>> {
        let request = request.body(Full::new(body)).map_err(Error::broken)?;
        let answer = self.wire.send(request).await?;
        let status = answer.status();
        if !status.is_client_error() && !status.is_server_error() {
            return Ok(answer);
        }
        let refusal: Value = read(answer).await?;
        let message = refusal["message"]
            .as_str()
            .unwrap_or("netd gave no reason")
            .to_owned();
        Err(Error::Daemon {
            status: status.as_u16(),
            message,
        })
    }
}

/// Reads an answer to its end as JSON.
pub(crate) async fn read<T: DeserializeOwned>(answer: Response<Incoming>) -> Result<T> {
    let body = answer
        .into_body()
        .collect()
        .await
        .map_err(Error::broken)?
        .to_bytes();
    serde_json::from_slice(&body).map_err(Error::answer)
}

/// A name as one segment of a path, so that no name can lead to another route.
pub(crate) fn segment(name: &str) -> String {
    utf8_percent_encode(name, ESCAPED).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_cannot_leave_its_segment() {
        assert_eq!(segment("my-bridge_1.x"), "my-bridge_1.x");
        assert_eq!(segment("a/../b?c#d e"), "a%2F..%2Fb%3Fc%23d%20e");
    }
}
