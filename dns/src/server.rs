//! The resolvers of all sandboxes, as tasks of one runtime.

use std::collections::HashMap;
use std::io;
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::os::fd::{AsFd, OwnedFd};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rnet_model::SandboxId;
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::session::Session;
use crate::shared::Shared;
use crate::{Directory, DnsError, Sockets};

/// Answers the queries of every sandbox it is given the sockets of, from one directory.
///
/// **Contract:** every call is short and may be made from any thread, on a runtime or off it. A change of the
/// directory is seen by every query that comes after [`Resolver::update`] returned. Dropped, it serves no more.
pub struct Resolver {
    runtime: Handle,
    shared: Arc<Shared>,
    served: Mutex<HashMap<SandboxId, Served>>,
    /// True once no more queries are taken.
    closing: watch::Sender<bool>,
}

/// A sandbox whose queries are answered.
struct Served {
    tasks: JoinSet<()>,
    udp: Arc<tokio::net::UdpSocket>,
    tcp: Arc<tokio::net::TcpListener>,
}

impl Resolver {
    /// A resolver with an empty directory, whose tasks run on `runtime` and ask servers through `sockets`.
    pub fn new(runtime: Handle, sockets: Arc<dyn Sockets>) -> Self {
        Self {
            runtime,
            shared: Arc::new(Shared::new(sockets)),
            served: Mutex::default(),
            closing: watch::Sender::new(false),
        }
    }

    /// Changes the directory; queries see all of the change or none of it.
    pub fn update<T>(&self, change: impl FnOnce(&mut Directory) -> T) -> T {
        change(
            &mut self
                .shared
                .directory
                .write()
                .unwrap_or_else(PoisonError::into_inner),
        )
    }

    /// Answers the queries that come in on these IPv4 sockets as those of `sandbox`, in place of earlier sockets of it.
    ///
    /// The sockets keep the sandbox's network namespace alive until [`Resolver::stop`].
    pub fn serve(
        &self,
        sandbox: SandboxId,
        udp: UdpSocket,
        tcp: TcpListener,
    ) -> Result<(), DnsError> {
        let failed = |socket: io::Result<SocketAddr>| {
            let socket = socket.unwrap_or_else(|_| SocketAddr::from(([0; 4], 0)));
            move |source| DnsError::Serve {
                sandbox,
                socket,
                source,
            }
        };
        let (udp_failed, tcp_failed) = (failed(udp.local_addr()), failed(tcp.local_addr()));
        let _runtime = self.runtime.enter();
        let udp = udp
            .set_nonblocking(true)
            .and_then(|()| tokio::net::UdpSocket::from_std(udp))
            .map_err(udp_failed)?;
        let tcp = tcp
            .set_nonblocking(true)
            .and_then(|()| tokio::net::TcpListener::from_std(tcp))
            .map_err(tcp_failed)?;
        let (udp, tcp) = (Arc::new(udp), Arc::new(tcp));
        let (shared, closing) = (Arc::clone(&self.shared), self.closing.subscribe());
        let session = Arc::new(Session::new(sandbox, shared, closing));
        let mut tasks = JoinSet::new();
        tasks.spawn(Arc::clone(&session).serve_udp(Arc::clone(&udp)));
        tasks.spawn(session.serve_tcp(Arc::clone(&tcp)));
        self.served().insert(sandbox, Served { tasks, udp, tcp });
        Ok(())
    }

    /// Copies of the sockets of a sandbox, UDP and TCP: whoever holds them keeps the ports open, and what is sent to
    /// them waits for the next resolver that is given them.
    pub fn sockets(&self, sandbox: SandboxId) -> io::Result<Option<[OwnedFd; 2]>> {
        let served = self.served();
        let Some(Served { udp, tcp, .. }) = served.get(&sandbox) else {
            return Ok(None);
        };
        let udp = udp.as_fd().try_clone_to_owned()?;
        Ok(Some([udp, tcp.as_fd().try_clone_to_owned()?]))
    }

    /// Takes no more queries, and answers those under way for as long as `patience`: others wait in the sockets.
    pub async fn drain(&self, patience: Duration) {
        self.closing.send_replace(true);
        let served = std::mem::take(&mut *self.served());
        let ends = served.into_values().map(|it| it.tasks.join_all());
        // those that take longer are as good as lost: their clients ask again
        let _ = timeout(patience, futures_util::future::join_all(ends)).await;
    }

    /// Ends the answering of a sandbox's queries, those under way included, and closes its sockets shortly after;
    /// nothing if it has not begun.
    pub fn stop(&self, sandbox: SandboxId) {
        self.served().remove(&sandbox);
    }

    /// Whether a sandbox's queries are being answered.
    pub fn serves(&self, sandbox: SandboxId) -> bool {
        self.served().contains_key(&sandbox)
    }

    fn served(&self) -> MutexGuard<'_, HashMap<SandboxId, Served>> {
        self.served.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
