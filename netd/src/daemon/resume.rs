//! Names resolve on while no daemon runs: the monitors of containers hold the sockets of their resolvers.
//!
//! ```text
//! netd ── opens sockets ──▶ serves ── copies ──▶ rnet-shim, which never reads them
//!   ✝ queries wait in the sockets: no port is ever closed, no client is refused
//! netd ◀── copies ── rnet-shim      all names first, then the waiting queries are answered
//! ```

use std::io;
use std::net::{TcpListener, UdpSocket};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use rnet_model::{ContainerId, Phase, SandboxId};
use rnet_runtime_glue::RuntimeError;

use super::Daemon;
use super::reconcile::side_by_side;
use super::resolve::{host_resolv_conf, names, view};
use crate::error::chain;

/// How long queries under way are answered when the daemon ends.
const FAREWELL: Duration = Duration::from_secs(1);

/// A sandbox with the sockets of its resolver.
type Kept = (SandboxId, UdpSocket, TcpListener);

impl Daemon {
    /// Leaves copies of a sandbox's resolver sockets with its container's monitor, or takes them from it where the
    /// sandbox has no resolver; nothing where there is no monitor yet, or no more.
    pub(super) fn leave_sockets(&self, sandbox: SandboxId) {
        let container = self.read(|state| state.sandbox(sandbox).map(|it| it.container));
        let Some(container) = container else { return };
        let left = || -> anyhow::Result<()> {
            let sockets = self.resolver.sockets(sandbox)?;
            let descriptors: Vec<BorrowedFd<'_>> =
                sockets.iter().flatten().map(AsFd::as_fd).collect();
            match self.runtime.keep(&container, &descriptors) {
                Err(RuntimeError::UnknownContainer { .. } | RuntimeError::NotRunning { .. }) => {
                    Ok(())
                }
                other => Ok(other?),
            }
        };
        if let Err(error) = left() {
            tracing::warn!(
                container = container.short(),
                "names will not resolve while netd restarts: {error:#}"
            );
        }
    }

    /// Answers queries again in every sandbox whose monitor kept its sockets, before anything else is done.
    ///
    /// All names are known before the first query is answered: one that waited must not be told that there is no
    /// such name.
    pub(super) fn resume_names(&self) {
        let sandboxes: Vec<(SandboxId, ContainerId)> =
            self.read(|state| state.sandboxes().map(|it| (it.id, it.container)).collect());
        let found = Mutex::new(Vec::new());
        side_by_side(&sandboxes, |(sandbox, container)| {
            match self.runtime.kept(container).map(sockets) {
                Ok(Ok(Some((udp, tcp)))) => found
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .push((*sandbox, udp, tcp)),
                // what is not taken up here is opened anew when the sandbox is rebuilt
                Ok(Ok(None)) | Err(RuntimeError::UnknownContainer { .. }) => {}
                Ok(Err(error)) => tracing::warn!(sandbox = sandbox.short(), "{error}"),
                Err(error) => tracing::warn!(sandbox = sandbox.short(), "{}", chain(&error)),
            }
        });
        let found = found.into_inner().unwrap_or_else(PoisonError::into_inner);
        self.publish_all(&found);
        for (sandbox, udp, tcp) in found {
            if let Err(error) = self.resolver.serve(sandbox, udp, tcp) {
                tracing::warn!("{}", chain(&error));
            }
        }
    }

    /// Answers queries that are under way; others wait for the next daemon.
    pub async fn drain_names(&self) {
        self.resolver.drain(FAREWELL).await;
    }

    fn publish_all(&self, found: &[Kept]) {
        let host = host_resolv_conf();
        let (views, names): (Vec<_>, Vec<_>) = self.read(|state| {
            let views = found.iter().filter_map(|(id, ..)| view(state, *id, &host));
            let endpoints = found.iter().flat_map(|(id, ..)| state.endpoints_of(*id));
            let settled = endpoints.filter(|endpoint| endpoint.phase == Phase::Attached);
            let names = settled.filter_map(|endpoint| names(state, endpoint));
            (views.collect(), names.collect())
        });
        self.resolver.update(|directory| {
            names.into_iter().for_each(|names| directory.put(names));
            views.into_iter().for_each(|view| directory.put_view(view));
        });
    }
}

/// The two sockets that [`Daemon::leave_sockets`] left; none if it left none.
fn sockets(kept: Vec<OwnedFd>) -> io::Result<Option<(UdpSocket, TcpListener)>> {
    match <[OwnedFd; 2]>::try_from(kept) {
        Ok([udp, tcp]) => Ok(Some((udp.into(), tcp.into()))),
        Err(other) if other.is_empty() => Ok(None),
        Err(other) => Err(io::Error::other(format!(
            "a monitor holds {} sockets of a resolver, not two",
            other.len()
        ))),
    }
}
