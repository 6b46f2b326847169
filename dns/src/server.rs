//! The resolvers of all sandboxes, as tasks of one runtime.

use std::collections::HashMap;
use std::io;
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use rnet_model::SandboxId;
use tokio::runtime::Handle;
use tokio::task::JoinSet;

use crate::session::Session;
use crate::{Directory, DnsError, Sockets};

/// Answers the queries of every sandbox it is given the sockets of, from one directory.
///
/// **Contract:** every call is short and may be made from any thread, on a runtime or off it. A change of the
/// directory is seen by every query that comes after [`Resolver::update`] returned. Dropped, it serves no more.
pub struct Resolver {
    runtime: Handle,
    sockets: Arc<dyn Sockets>,
    directory: Arc<RwLock<Directory>>,
    tasks: Mutex<HashMap<SandboxId, JoinSet<()>>>,
}

impl Resolver {
    /// A resolver with an empty directory, whose tasks run on `runtime` and ask servers through `sockets`.
    pub fn new(runtime: Handle, sockets: Arc<dyn Sockets>) -> Self {
        Self {
            runtime,
            sockets,
            directory: Arc::default(),
            tasks: Mutex::default(),
        }
    }

    /// Changes the directory; queries see all of the change or none of it.
    pub fn update<T>(&self, change: impl FnOnce(&mut Directory) -> T) -> T {
        change(
            &mut self
                .directory
                .write()
                .unwrap_or_else(PoisonError::into_inner),
        )
    }

    /// Answers the queries that come in on these sockets as those of `sandbox`, in place of earlier sockets of it.
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
        let directory = Arc::clone(&self.directory);
        let session = Arc::new(Session::new(sandbox, directory, Arc::clone(&self.sockets)));
        let mut tasks = JoinSet::new();
        tasks.spawn(Arc::clone(&session).serve_udp(udp));
        tasks.spawn(session.serve_tcp(tcp));
        self.tasks().insert(sandbox, tasks);
        Ok(())
    }

    /// Ends the answering of a sandbox's queries, those under way included, and closes its sockets shortly after;
    /// nothing if it has not begun.
    pub fn stop(&self, sandbox: SandboxId) {
        self.tasks().remove(&sandbox);
    }

    /// Whether a sandbox's queries are being answered.
    pub fn serves(&self, sandbox: SandboxId) -> bool {
        self.tasks().contains_key(&sandbox)
    }

    fn tasks(&self) -> MutexGuard<'_, HashMap<SandboxId, JoinSet<()>>> {
        self.tasks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
