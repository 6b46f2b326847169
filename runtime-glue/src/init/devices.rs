//! What is in /dev, and how nothing else can be.

use std::ffi::CString;
use std::io;
use std::os::fd::AsFd;

use rustix::mount::MountAttrFlags;

use super::mounts;
use super::{Step, Target};
use crate::RuntimeError;

/// The devices a container has (OCI runtime specification, config-linux.md, default devices): name, major, minor.
const DEVICES: [(&str, u32, u32); 6] = [
    ("null", 1, 3),
    ("zero", 1, 5),
    ("full", 1, 7),
    ("random", 1, 8),
    ("urandom", 1, 9),
    ("tty", 5, 0),
];

/// The links of the same document.
const LINKS: [(&str, &str); 5] = [
    ("fd", "/proc/self/fd"),
    ("stdin", "/proc/self/fd/0"),
    ("stdout", "/proc/self/fd/1"),
    ("stderr", "/proc/self/fd/2"),
    ("ptmx", "pts/ptmx"),
];

/// The steps that fill `directory`, usually /dev.
///
/// Every mount of a container is nodev, so device files made with CAP_MKNOD open nothing, whichever version of control
/// groups the machine has. The six devices are the host's own files, each mounted by itself without that flag.
pub(super) fn steps(directory: &str) -> Result<Vec<Step>, RuntimeError> {
    let mut steps = vec![Step::FileSystem {
        kind: c"tmpfs",
        options: vec![
            (c"mode", Some(c"755".to_owned())),
            (c"size", Some(c"65536k".to_owned())),
        ],
        attributes: mounts::sealed() | MountAttrFlags::MOUNT_ATTR_STRICTATIME,
        target: Target::new(directory)?,
    }];
    for (name, major, minor) in DEVICES {
        let what = format!("/dev/{name}");
        let tree = CString::new(what.as_str())
            .map_err(io::Error::from)
            .and_then(|path| {
                let tree = mounts::tree(&path, false)?;
                mounts::is_device(tree.as_fd(), major, minor)?;
                Ok(tree)
            });
        let failed = RuntimeError::step(format!("take the device {what} of the host"));
        let tree = tree.map_err(failed)?;
        let target = Target::new(&format!("{directory}/{name}"))?;
        steps.push(Step::Attach { what, tree, target });
    }
    for (name, destination) in LINKS {
        let target = Target::new(&format!("{directory}/{name}"))?;
        let destination = CString::new(destination).map_err(RuntimeError::step("name a link"))?;
        steps.push(Step::Link {
            target,
            destination,
        });
    }
    Ok(steps)
}
