//! The pins: network namespaces kept alive by bind mounts in the run directory.

use std::fs::{self, DirBuilder, File};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use nix::errno::Errno;
use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::sys::statfs::{NSFS_MAGIC, fstatfs};
use rnet_model::SandboxId;

use crate::KernelError;

/// The calling thread's network namespace.
const OWN_NAMESPACE: &str = "/proc/thread-self/ns/net";

/// The path a sandbox's network namespace is pinned at, for `nsenter --net=`, `setns(2)` and the like.
///
/// The name is the whole id, so that a pin nobody recorded tells whose it is.
pub fn pin_path(run_dir: &Path, sandbox: SandboxId) -> PathBuf {
    directory(run_dir).join(sandbox.to_string())
}

/// The pins in one run directory.
#[derive(Debug)]
pub(crate) struct Pins {
    run_dir: PathBuf,
    /// Held while a pin is looked for and made, so that two threads do not make the same one twice.
    making: Mutex<()>,
}

impl Pins {
    /// The pins below `run_dir`; their directory is made if it is missing, for root only.
    pub(crate) fn open(run_dir: &Path) -> Result<Self, KernelError> {
        let path = directory(run_dir);
        match DirBuilder::new().recursive(true).mode(0o700).create(&path) {
            Ok(()) => Ok(Self {
                run_dir: run_dir.to_owned(),
                making: Mutex::new(()),
            }),
            Err(source) => Err(KernelError::MakeDirectory { path, source }),
        }
    }

    /// A pinned namespace; none if there is no pin, or only the file that one was to be mounted on.
    pub(crate) fn find(&self, sandbox: SandboxId) -> Result<Option<File>, KernelError> {
        let path = self.path(sandbox);
        let found = match File::open(&path) {
            Ok(file) => fstatfs(&file)
                .map(|fs| (fs.filesystem_type() == NSFS_MAGIC).then_some(file))
                .map_err(io::Error::from),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        };
        found.map_err(|source| KernelError::OpenNamespace { path, source })
    }

    /// Pins the calling thread's own namespace for a sandbox that has none; gives the one that is pinned then, which
    /// is another thread's if that was faster.
    pub(crate) fn pin_own(&self, sandbox: SandboxId) -> Result<File, KernelError> {
        let _making = self.making.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(namespace) = self.find(sandbox)? {
            return Ok(namespace);
        }
        let path = self.path(sandbox);
        let pin = || {
            // opened before it is covered; a crash may have left it
            File::options().create(true).append(true).open(&path)?;
            mount(
                Some(OWN_NAMESPACE),
                &path,
                None::<&str>,
                MsFlags::MS_BIND,
                None::<&str>,
            )?;
            File::open(OWN_NAMESPACE)
        };
        pin().map_err(|source| KernelError::PinNamespace {
            path: path.clone(),
            source,
        })
    }

    /// Removes a pin, and what is left of one; the namespace lives on while a process or a socket is in it.
    pub(crate) fn remove(&self, sandbox: SandboxId) -> Result<(), KernelError> {
        let path = self.path(sandbox);
        let unpin = || {
            loop {
                match umount2(&path, MntFlags::MNT_DETACH | MntFlags::UMOUNT_NOFOLLOW) {
                    Ok(()) => {}
                    Err(Errno::EINVAL) => break,
                    Err(Errno::ENOENT) => return Ok(()),
                    Err(error) => return Err(error.into()),
                }
            }
            match fs::remove_file(&path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
                _ => Ok(()),
            }
        };
        unpin().map_err(|source| KernelError::UnpinNamespace {
            path: path.clone(),
            source,
        })
    }

    /// Every pin, half-made ones too; files of other names are not rnet's.
    pub(crate) fn list(&self) -> Result<Vec<SandboxId>, KernelError> {
        let path = directory(&self.run_dir);
        let failed = |source| KernelError::ListPins {
            path: path.clone(),
            source,
        };
        let mut pins = Vec::new();
        for entry in fs::read_dir(&path).map_err(failed)? {
            let name = entry.map_err(failed)?.file_name();
            pins.extend(
                name.to_str()
                    .and_then(|name| name.parse::<SandboxId>().ok()),
            );
        }
        Ok(pins)
    }

    fn path(&self, sandbox: SandboxId) -> PathBuf {
        pin_path(&self.run_dir, sandbox)
    }
}

fn directory(run_dir: &Path) -> PathBuf {
    run_dir.join("netns")
}
