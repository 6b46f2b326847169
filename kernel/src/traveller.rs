//! A thread that goes into sandboxes, and ends in whichever it is in last.
//!
//! ```text
//! caller ── away ──▶ thread is born at home ── unshare or setns, as often as needed ──▶ thread dies
//! ```
//! No other thread ever leaves the host's namespace, so none can be lost in a wrong one.

use std::fs::File;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::panic::resume_unwind;
use std::path::Path;
use std::thread;

use nix::sched::{CloneFlags, setns, unshare};
use rnet_model::{Place, SandboxId};

use crate::KernelError;
use crate::pins::Pins;
use crate::rtnl::Rtnetlink;

/// A thread on its way.
pub(crate) struct Traveller<'a> {
    pins: &'a Pins,
    home: &'a File,
    left_home: bool,
    /// The sandbox it is in; none at home, and where it got lost on the way.
    sandbox: Option<Sandbox>,
}

/// The sandbox a thread is in.
pub(crate) struct Sandbox {
    id: SandboxId,
    pub(crate) namespace: File,
    pub(crate) rtnetlink: Rtnetlink,
}

/// Runs something on a thread of its own, which can go into sandboxes.
///
/// It starts where the caller is, which is to be at home.
pub(crate) fn away<T: Send>(
    pins: &Pins,
    home: &File,
    work: impl FnOnce(&mut Traveller<'_>) -> T + Send,
) -> Result<T, KernelError> {
    let journey = move || {
        work(&mut Traveller {
            pins,
            home,
            left_home: false,
            sandbox: None,
        })
    };
    thread::scope(|scope| {
        let thread = thread::Builder::new().name("sandbox".to_owned());
        let thread = thread.spawn_scoped(scope, journey);
        let thread = thread.map_err(|source| KernelError::StartThread { source })?;
        Ok(thread.join().unwrap_or_else(|panic| resume_unwind(panic)))
    })
}

impl Traveller<'_> {
    /// Goes to a place.
    pub(crate) fn go(&mut self, place: Place) -> Result<(), KernelError> {
        match place {
            Place::Host => self.go_home(),
            Place::Sandbox(id) => self.enter(id).map(drop),
        }
    }

    /// Goes into a sandbox; [`KernelError::NoSandbox`] if it has no namespace.
    pub(crate) fn enter(&mut self, id: SandboxId) -> Result<&mut Sandbox, KernelError> {
        let sandbox = match self.sandbox.take() {
            Some(sandbox) if sandbox.id == id => sandbox,
            _ => {
                let namespace = self.pins.find(id)?;
                let namespace = namespace.ok_or(KernelError::NoSandbox { sandbox: id })?;
                self.arrive(id, namespace)?
            }
        };
        Ok(self.sandbox.insert(sandbox))
    }

    /// Sees to it that a sandbox has a namespace.
    pub(crate) fn found(&mut self, id: SandboxId) -> Result<(), KernelError> {
        if self.pins.find(id)?.is_some() {
            return Ok(());
        }
        self.leave();
        unshare(CloneFlags::CLONE_NEWNET).map_err(|error| KernelError::MakeNamespace {
            sandbox: id,
            source: error.into(),
        })?;
        // it need not be the one that was made here: another thread may have been faster
        let namespace = self.pins.pin_own(id)?;
        self.sandbox = Some(self.arrive(id, namespace)?);
        Ok(())
    }

    /// Sees to it that a sandbox's namespace is the one found at `path`.
    pub(crate) fn visit(&mut self, id: SandboxId, path: &Path) -> Result<(), KernelError> {
        if self.pins.find(id)?.is_some() {
            return Ok(());
        }
        let unusable = |source| KernelError::OpenNamespace {
            path: path.to_owned(),
            source,
        };
        let namespace = File::open(path).map_err(unusable)?;
        if is_same(&namespace, self.home).map_err(unusable)? {
            return Err(KernelError::HostNamespace {
                path: path.to_owned(),
            });
        }
        self.leave();
        // refuses what is no network namespace
        setns(&namespace, CloneFlags::CLONE_NEWNET).map_err(|error| unusable(error.into()))?;
        let namespace = self.pins.pin_own(id)?;
        self.sandbox = Some(self.arrive(id, namespace)?);
        Ok(())
    }

    fn go_home(&mut self) -> Result<(), KernelError> {
        if self.left_home {
            self.leave();
            setns(self.home, CloneFlags::CLONE_NEWNET).map_err(|error| KernelError::GoHome {
                source: error.into(),
            })?;
            self.left_home = false;
        }
        Ok(())
    }

    fn arrive(&mut self, id: SandboxId, namespace: File) -> Result<Sandbox, KernelError> {
        self.leave();
        setns(&namespace, CloneFlags::CLONE_NEWNET).map_err(|error| {
            KernelError::EnterNamespace {
                sandbox: id,
                source: error.into(),
            }
        })?;
        let rtnetlink =
            Rtnetlink::open().map_err(|source| KernelError::OpenRtnetlink { source })?;
        Ok(Sandbox {
            id,
            namespace,
            rtnetlink,
        })
    }

    fn leave(&mut self) {
        self.left_home = true;
        self.sandbox = None;
    }
}

fn is_same(one: &File, other: &File) -> io::Result<bool> {
    let (one, other) = (one.metadata()?, other.metadata()?);
    Ok((one.dev(), one.ino()) == (other.dev(), other.ino()))
}
