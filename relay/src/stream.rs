//! One TCP connection, carried on another.

use std::io;
use std::net::SocketAddr;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::time::Duration;

use rustix::net::{SocketFlags, acceptfrom_with, sockopt};
use tokio::io::copy_bidirectional_with_sizes;
use tokio::net::TcpStream;
use tokio_util::sync::CancellationToken;

/// What each direction may hold while its receiver is slow.
const BUFFER_BYTES: usize = 64 << 10;

/// A client that has come.
pub(crate) struct Client {
    pub(crate) address: SocketAddr,
    socket: OwnedFd,
}

impl Client {
    /// The next client that waits at a port; none if there is no more.
    pub(crate) fn next(port: BorrowedFd<'_>) -> io::Result<Option<Self>> {
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        match acceptfrom_with(port, flags) {
            Ok((socket, Some(address))) => Ok(Some(Self {
                address: address.try_into()?,
                socket,
            })),
            Ok((_, None)) => Ok(None),
            Err(error) => match io::Error::from(error) {
                error if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
                error => Err(error),
            },
        }
    }

    /// Lets it know at once that nobody is there.
    pub(crate) fn reset(self) {
        reset(&self.socket);
    }

    /// Carries it to the target until both have said all, or it is over.
    pub(crate) async fn carry(self, target: SocketAddr, over: CancellationToken) {
        let Ok(mut client) = TcpStream::from_std(self.socket.into()) else {
            return;
        };
        let carried = over.run_until_cancelled(carry(&mut client, target)).await;
        if !matches!(carried, Some(Ok(()))) {
            reset(&client);
        }
    }
}

async fn carry(client: &mut TcpStream, target: SocketAddr) -> io::Result<()> {
    let mut container = TcpStream::connect(target).await?;
    // whoever wrote decides how much goes into a packet
    client.set_nodelay(true)?;
    container.set_nodelay(true)?;
    let carried =
        copy_bidirectional_with_sizes(client, &mut container, BUFFER_BYTES, BUFFER_BYTES).await;
    if carried.is_err() {
        reset(&container);
    }
    carried.map(drop)
}

/// Closes by a reset: the other side must not take it for an end.
fn reset(socket: &impl std::os::fd::AsFd) {
    // without it the other side sees an end in place of a failure
    let _ = sockopt::set_socket_linger(socket, Some(Duration::ZERO));
}
