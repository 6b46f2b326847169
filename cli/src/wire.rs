//! The wire to `netd`: one HTTP/1.1 connection over its unix socket for each request.

use std::error::Error as StdError;
use std::io;

use hyper::body::{Body, Incoming};
use hyper::client::conn::http1;
use hyper::header::{HOST, HeaderValue};
use hyper::{Request, Response, Uri};
use hyper_util::rt::TokioIo;
use tokio::net::UnixStream;

use crate::error::{Error, Result};
use crate::host::Host;

/// Carries requests to the daemon, the client library's and our own.
#[derive(Clone)]
pub(crate) struct Wire {
    host: Host,
}

impl Wire {
    pub(crate) fn new(host: Host) -> Self {
        Self { host }
    }

    /// Sends `request` on a connection of its own; returns as soon as the answer's head is there.
    ///
    /// # Errors
    ///
    /// When the daemon cannot be reached, or hangs up before it answers. A refusal is an answer.
    pub(crate) async fn send<B>(&self, mut request: Request<B>) -> Result<Response<Incoming>>
    where
        B: Body + Send + 'static,
        B::Data: Send,
        B::Error: Into<Box<dyn StdError + Send + Sync>>,
    {
        let stream = self.connect().await?;
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream))
            .await
            .map_err(Error::broken)?;
        tokio::spawn(connection.with_upgrades());
        *request.uri_mut() = origin_form(request.uri());
        request
            .headers_mut()
            .insert(HOST, HeaderValue::from_static("rnet"));
        sender.send_request(request).await.map_err(Error::broken)
    }

    async fn connect(&self) -> Result<UnixStream> {
        let host = || self.host.clone();
        UnixStream::connect(self.host.path())
            .await
            .map_err(|source| match source.kind() {
                io::ErrorKind::PermissionDenied => Error::Rights {
                    host: host(),
                    source,
                },
                _ => Error::Connect {
                    host: host(),
                    source,
                },
            })
    }
}

/// The path and query alone, as a request to a server itself is written (RFC 9112, 3.2.1).
fn origin_form(uri: &Uri) -> Uri {
    uri.path_and_query()
        .cloned()
        .map_or_else(Uri::default, Uri::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_path_and_query_go_over_the_wire() {
        let uri = Uri::from_static("http://rnet/containers/json?all=true");
        assert_eq!(
            origin_form(&uri),
            Uri::from_static("/containers/json?all=true")
        );
    }
}
