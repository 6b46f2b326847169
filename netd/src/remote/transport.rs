//! One call of a plugin: a connection, a request, an answer that is bounded.

use std::io;

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::client::conn::http1::handshake;
use hyper::header::{ACCEPT, CONNECTION, CONTENT_TYPE, HOST};
use hyper::{Method, Request};
use hyper_util::rt::TokioIo;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};
use tokio_util::task::AbortOnDropHandle;

use super::discovery::Address;
use super::{PluginError, Result};

/// The version of the protocol that is spoken.
const VERSION: &str = "application/vnd.docker.plugins.v1.2+json";
/// No answer of the protocols comes near this, in bytes.
const LONGEST: usize = 1 << 20;
/// How much of an answer that is no JSON is shown, in characters.
const SHOWN: usize = 200;

/// What a plugin answered.
pub(super) struct Answer {
    status: u16,
    body: Bytes,
}

trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// Sends `body` to `call`; waits for as long as it takes.
pub(super) async fn post(address: &Address, call: &str, body: Vec<u8>) -> io::Result<Answer> {
    let (stream, host): (Box<dyn Stream>, &str) = match address {
        Address::Unix(path) => (
            Box::new(UnixStream::connect(path).await?),
            "plugin.moby.localhost",
        ),
        Address::Tcp(host) => (Box::new(TcpStream::connect(host).await?), host),
        Address::Tls(tls) => {
            let _ = tls;
            return Err(io::ErrorKind::Unsupported.into());
        }
    };
    let (mut sender, connection) = handshake(TokioIo::new(stream)).await.map_err(other)?;
    let _connection = AbortOnDropHandle::new(tokio::spawn(connection));
    let request = Request::builder()
        .method(Method::POST)
        .uri(format!("/{call}"))
        .header(HOST, host)
        .header(ACCEPT, VERSION)
        .header(CONTENT_TYPE, "application/json")
        .header(CONNECTION, "close")
        .body(Full::new(Bytes::from(body)))
        .map_err(other)?;
    let (head, body) = sender
        .send_request(request)
        .await
        .map_err(other)?
        .into_parts();
    let body = Limited::new(body, LONGEST).collect().await;
    let body = body.map_err(|cause| io::Error::other(format!("its answer breaks off: {cause}")))?;
    Ok(Answer {
        status: head.status.as_u16(),
        body: body.to_bytes(),
    })
}

fn other(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> io::Error {
    io::Error::other(error)
}

impl Answer {
    /// Reads the object of an answer; nothing at all, and `null`, are an empty one.
    pub(super) fn read<A: DeserializeOwned>(&self, plugin: &str, call: &str) -> Result<A> {
        let text = String::from_utf8_lossy(&self.body);
        let value = match text.trim() {
            "" | "null" => Ok(Value::Object(Default::default())),
            text => serde_json::from_str(text),
        };
        let complaint = value.as_ref().ok().and_then(complaint);
        if self.status != 200 || complaint.is_some() {
            let shown = || text.trim().chars().take(SHOWN).collect();
            return Err(PluginError::Refused {
                plugin: plugin.to_owned(),
                call: call.to_owned(),
                message: complaint.unwrap_or_else(shown),
                status: self.status,
            });
        }
        let read = value.map_err(|error| error.to_string()).and_then(|value| {
            // a list would do for an object whose members may all be missing
            if !value.is_object() {
                return Err("it is no object".to_owned());
            }
            serde_json::from_value(value).map_err(|error| error.to_string())
        });
        read.map_err(|reason| PluginError::nonsense(plugin, call, reason))
    }
}

/// What an answer complains of: `Err` for drivers of networks, `Error` for those of addresses.
fn complaint(answer: &Value) -> Option<String> {
    let mut words = ["Err", "Error"]
        .into_iter()
        .filter_map(|key| answer.get(key)?.as_str());
    words.find(|it| !it.is_empty()).map(str::to_owned)
}
