//! Where clients come in: unix sockets, and TCP within TLS or, unsafely, without.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

/// A socket that clients of the API connect to.
pub enum Listener {
    /// A unix socket: whoever may write to it is trusted.
    Unix(UnixListener),
    /// TCP, for clients that both sides' certificates vouch for.
    Tls(TcpListener, TlsAcceptor),
    /// TCP for everyone who reaches it.
    Plain(TcpListener),
}

impl From<UnixListener> for Listener {
    fn from(listener: UnixListener) -> Self {
        Self::Unix(listener)
    }
}

impl Listener {
    /// Takes the next client, who has not shown a certificate yet.
    pub(super) async fn accept(&self) -> io::Result<Incoming> {
        let tcp = async |listener: &TcpListener| {
            let (stream, _) = listener.accept().await?;
            // keystrokes and their echoes are small, and should not wait for more
            stream.set_nodelay(true)?;
            io::Result::Ok(stream)
        };
        Ok(match self {
            Self::Unix(listener) => Incoming::Ready(Connection::Unix(listener.accept().await?.0)),
            Self::Plain(listener) => Incoming::Ready(Connection::Plain(tcp(listener).await?)),
            Self::Tls(listener, acceptor) => {
                Incoming::Stranger(tcp(listener).await?, acceptor.clone())
            }
        })
    }
}

/// A client that came in.
pub(super) enum Incoming {
    Ready(Connection),
    Stranger(TcpStream, TlsAcceptor),
}

impl Incoming {
    /// Comes to terms with the client.
    pub(super) async fn welcome(self) -> io::Result<Connection> {
        match self {
            Self::Ready(connection) => Ok(connection),
            Self::Stranger(stream, acceptor) => {
                let stream = acceptor.accept(stream).await?;
                Ok(Connection::Tls(Box::new(stream)))
            }
        }
    }
}

/// A connection with a client.
pub(super) enum Connection {
    Unix(UnixStream),
    Tls(Box<TlsStream<TcpStream>>),
    Plain(TcpStream),
}

trait Stream: AsyncRead + AsyncWrite + Unpin {}
impl<T: AsyncRead + AsyncWrite + Unpin> Stream for T {}

impl Connection {
    fn stream(self: Pin<&mut Self>) -> Pin<&mut dyn Stream> {
        match self.get_mut() {
            Self::Unix(stream) => Pin::new(stream),
            Self::Tls(stream) => Pin::new(stream.as_mut()),
            Self::Plain(stream) => Pin::new(stream),
        }
    }
}

impl AsFd for Connection {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Self::Unix(stream) => stream.as_fd(),
            Self::Tls(stream) => stream.get_ref().0.as_fd(),
            Self::Plain(stream) => stream.as_fd(),
        }
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.stream().poll_read(context, buffer)
    }
}

impl AsyncWrite for Connection {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.stream().poll_write(context, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream().poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream().poll_shutdown(context)
    }
}
