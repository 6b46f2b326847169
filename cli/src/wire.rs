//! The wire to `netd`: one HTTP/1.1 connection for each request, over its unix socket, or over TCP within TLS.

use std::error::Error as StdError;
use std::io;

use hyper::body::{Body, Incoming};
use hyper::client::conn::http1;
use hyper::header::{HOST, HeaderValue};
use hyper::{Request, Response, Uri};
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};
use tokio_rustls::TlsConnector;

use crate::error::{Error, Result};
use crate::host::Host;
use crate::tls::Certificates;

/// Carries requests to the daemon, the client library's and our own.
#[derive(Clone)]
pub(crate) struct Wire {
    host: Host,
    /// What a connection over TCP is made safe by.
    tls: Option<TlsConnector>,
}

/// A connection, whatever carries it.
trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Stream for T {}

impl Wire {
    /// Prepares to talk to `host`, if it is on another machine with these certificates.
    pub(crate) fn new(host: Host, certificates: &Certificates) -> Result<Self> {
        let tls = match host {
            Host::Unix(_) => None,
            Host::Tcp { .. } => Some(certificates.connector()?),
        };
        Ok(Self { host, tls })
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

    async fn connect(&self) -> Result<Box<dyn Stream>> {
        match (&self.host, &self.tls) {
            (Host::Unix(path), _) => {
                let stream = UnixStream::connect(path).await;
                Ok(Box::new(stream.map_err(|source| self.unreached(source))?))
            }
            (Host::Tcp { name, port }, Some(tls)) => {
                let invalid = |_| self.unreached(io::ErrorKind::InvalidInput.into());
                let server = ServerName::try_from(name.clone()).map_err(invalid)?;
                let stream = TcpStream::connect((name.as_str(), *port)).await;
                let stream = stream.map_err(|source| self.unreached(source))?;
                // a keystroke should not wait for more; where it does, it comes late, and no worse
                let _ = stream.set_nodelay(true);
                let stream = tls.connect(server, stream).await;
                let stream = stream.map_err(|source| Error::Trust {
                    host: self.host.clone(),
                    source,
                });
                Ok(Box::new(stream?))
            }
            (Host::Tcp { .. }, None) => Err(self.unreached(io::ErrorKind::Unsupported.into())),
        }
    }

    fn unreached(&self, source: io::Error) -> Error {
        let host = self.host.clone();
        match source.kind() {
            io::ErrorKind::PermissionDenied => Error::Rights { host, source },
            _ => Error::Connect { host, source },
        }
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
