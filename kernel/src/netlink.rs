//! The way to the kernel: rtnetlink and namespaces.

use std::fs::File;
use std::os::fd::{AsFd, BorrowedFd};
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::error::KernelError;
use crate::pins::Pins;
use crate::reaper::Reaper;
use crate::rtnl::{KnownRoutes, Rtnetlink};
use crate::traveller::{Traveller, away};

/// The calling thread's network namespace.
const OWN_NAMESPACE: &str = "/proc/thread-self/ns/net";

/// The kernel of this machine, as [`crate::Kernel`] and [`crate::Host`].
///
/// **Contract:** the host is the network namespace of the thread that opened this; it is to be called from threads in
/// that namespace. Calls block for as long as the kernel works, well below a millisecond for most; none of them moves
/// the calling thread to another namespace. Dropping it waits for the links that were removed to be deleted.
#[derive(Debug)]
pub struct Netlink {
    /// The host's links. One socket for all callers: the kernel lets nobody change links while another does.
    host: Mutex<Rtnetlink>,
    /// The host's routes; locked before `host`.
    pub(crate) routes: Mutex<KnownRoutes>,
    home: File,
    pub(crate) pins: Pins,
    pub(crate) reaper: Reaper,
}

impl Netlink {
    /// The kernel, with pins below `run_dir`, which is made if it is missing.
    ///
    /// Links that an earlier daemon was deleting are deleted.
    pub fn open(run_dir: &Path) -> Result<Self, KernelError> {
        let rtnetlink =
            || Rtnetlink::open().map_err(|source| KernelError::OpenRtnetlink { source });
        let home = File::open(OWN_NAMESPACE).map_err(|source| KernelError::OpenNamespace {
            path: OWN_NAMESPACE.into(),
            source,
        })?;
        Ok(Self {
            host: Mutex::new(rtnetlink()?),
            routes: Mutex::new(
                KnownRoutes::open().map_err(|source| KernelError::WatchRoutes { source })?,
            ),
            home,
            pins: Pins::open(run_dir)?,
            reaper: Reaper::start(rtnetlink()?)?,
        })
    }

    /// Runs something on a thread that may go into sandboxes.
    pub(crate) fn away<T: Send>(
        &self,
        work: impl FnOnce(&mut Traveller<'_>) -> T + Send,
    ) -> Result<T, KernelError> {
        away(&self.pins, &self.home, work)
    }

    /// The host's namespace.
    pub(crate) fn home(&self) -> BorrowedFd<'_> {
        self.home.as_fd()
    }

    /// The host's links, for this caller alone.
    ///
    /// A panic of another caller leaves answers unread at worst, which are told from later ones by their numbers.
    pub(crate) fn host(&self) -> MutexGuard<'_, Rtnetlink> {
        self.host.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
