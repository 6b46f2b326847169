//! What is in /dev, and how nothing else can be.

use std::ffi::CString;
use std::fs;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, FileType, Gid, Mode, Uid};
use rustix::mount::MountAttrFlags;

use super::mounts;
use super::{Step, Target};
use crate::device::{Access, DeviceKind, DeviceRule, Devices};
use crate::{RuntimeError, sys};

/// The devices a container has (OCI runtime specification, config-linux.md, default devices): name, major, minor.
pub(crate) const DEVICES: [(&str, u32, u32); 6] = [
    ("null", 1, 3),
    ("zero", 1, 5),
    ("full", 1, 7),
    ("random", 1, 8),
    ("urandom", 1, 9),
    ("tty", 5, 0),
];

/// What else it may use: its own pseudoterminals, whatever their number, and their maker.
const TERMINALS: [(u32, Option<u32>); 2] = [(136, None), (5, Some(2))];

/// The links of the same document.
pub(crate) const LINKS: [(&str, &str); 5] = [
    ("fd", "/proc/self/fd"),
    ("stdin", "/proc/self/fd/0"),
    ("stdout", "/proc/self/fd/1"),
    ("stderr", "/proc/self/fd/2"),
    ("ptmx", "pts/ptmx"),
];

/// What is below /dev and is not the host's to share: containers have their own.
const OWN: [&str; 6] = ["console", "fd", "mqueue", "ptmx", "pts", "shm"];

/// A device file of the host that a container is to have.
pub(crate) struct HostDevice {
    source: PathBuf,
    target: String,
    rule: DeviceRule,
    mode: u32,
    owner: (u32, u32),
}

/// A device file to be made.
pub(crate) struct Node {
    pub(super) target: Target,
    device: (u32, u32),
    mode: u32,
    owner: (u32, u32),
}

/// The steps that fill `directory`, usually /dev.
///
/// Every mount of a container is nodev, unless it was given rules for devices, so device files made with CAP_MKNOD open
/// nothing. The devices it has are the host's own files, each mounted by itself without that flag, and so that neither
/// its mode nor its owner can be changed.
pub(super) fn steps(directory: &str, device_files: bool) -> Result<Vec<Step>, RuntimeError> {
    let attributes = mounts::sealed() | MountAttrFlags::MOUNT_ATTR_STRICTATIME;
    let nodev = MountAttrFlags::MOUNT_ATTR_NODEV;
    let mut steps = vec![Step::FileSystem {
        kind: c"tmpfs",
        options: vec![
            (c"mode", Some(c"755".to_owned())),
            (c"size", Some(c"65536k".to_owned())),
        ],
        attributes: match device_files {
            true => attributes.difference(nodev),
            false => attributes,
        },
        target: Target::new(directory)?,
    }];
    for (name, major, minor) in DEVICES {
        let source = format!("/dev/{name}");
        let target = Target::new(&format!("{directory}/{name}"))?;
        steps.push(shown(Path::new(&source), target, |fd| {
            mounts::is_device(fd, major, minor)
        })?);
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

/// The device files of the host that `devices` asks for, as they are now.
pub(crate) fn found(devices: &Devices) -> Result<Vec<HostDevice>, RuntimeError> {
    let mut found = Vec::new();
    for file in &devices.files {
        let mistake = |source| RuntimeError::Device {
            path: file.source.clone(),
            source,
        };
        let before = found.len();
        collect(&file.source, &file.target, file.access, &mut found).map_err(mistake)?;
        if found.len() == before {
            return Err(mistake(io::Error::other("not a device node")));
        }
    }
    if devices.all {
        let listed = fs::read_dir("/dev").map_err(RuntimeError::file("list", "/dev"))?;
        for entry in listed.flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            let is_link = entry.file_type().is_ok_and(|kind| kind.is_symlink());
            if !is_link && !name.starts_with('.') && !OWN.contains(&name.as_str()) {
                // what comes and goes meanwhile is not missed
                let _ = collect(
                    &entry.path(),
                    &format!("/dev/{name}"),
                    Access::ALL,
                    &mut found,
                );
            }
        }
    }
    Ok(found)
}

/// What a container with these devices may use.
pub(crate) fn rules(devices: &Devices, found: &[HostDevice]) -> Vec<DeviceRule> {
    let rule = |kind, major, minor, access| DeviceRule {
        kind: Some(kind),
        major,
        minor,
        access,
    };
    // a file may be made of any device, and that is all
    let any =
        [DeviceKind::Char, DeviceKind::Block].map(|kind| rule(kind, None, None, Access::MKNOD));
    let usual = DEVICES.map(|(_, major, minor)| (major, Some(minor)));
    let usual = usual.into_iter().chain(TERMINALS);
    let usual = usual.map(|(major, minor)| rule(DeviceKind::Char, Some(major), minor, Access::ALL));
    any.into_iter()
        .chain(usual)
        .chain(found.iter().map(|device| device.rule))
        .chain(devices.rules.iter().copied())
        .collect()
}

impl HostDevice {
    /// The step that lets the container have it: a file of its own where it may make some, else the host's.
    pub(super) fn step(&self, made: bool) -> Result<Step, RuntimeError> {
        let target = Target::new(&self.target)?;
        if !made {
            return shown(&self.source, target, |_| Ok(()));
        }
        let device = (self.rule.major.unwrap_or(0), self.rule.minor.unwrap_or(0));
        Ok(Step::Node(Node {
            target,
            device,
            mode: self.mode,
            owner: self.owner,
        }))
    }
}

impl Node {
    /// One of that kind and number, with a mode and an owner.
    pub(crate) fn new(
        target: Target,
        kind: FileType,
        device: (u32, u32),
        mode: u32,
        owner: (u32, u32),
    ) -> Self {
        Self {
            target,
            device,
            mode: kind.as_raw_mode() | mode,
            owner,
        }
    }

    /// Makes it, unless something is there.
    pub(crate) fn make(&self, root: BorrowedFd<'_>) -> rustix::io::Result<()> {
        let kind = FileType::from_raw_mode(self.mode);
        let mode = Mode::from_raw_mode(self.mode & 0o7777);
        let device = rustix::fs::makedev(self.device.0, self.device.1);
        let owner = (Uid::from_raw(self.owner.0), Gid::from_raw(self.owner.1));
        let made = self.target.make(root, &|parent, name| {
            rustix::fs::mknodat(parent, name, kind, mode, device)?;
            rustix::fs::chownat(parent, name, Some(owner.0), Some(owner.1), AtFlags::empty())?;
            rustix::fs::chmodat(parent, name, mode, AtFlags::empty())
        });
        made.map(drop)
    }
}

/// Mounts a file of the host that is a device.
pub(crate) fn shown(
    source: &Path,
    target: Target,
    check: impl Fn(BorrowedFd<'_>) -> rustix::io::Result<()>,
) -> Result<Step, RuntimeError> {
    let what = source.display().to_string();
    let tree = CString::new(source.as_os_str().as_bytes())
        .map_err(io::Error::from)
        .and_then(|path| {
            let tree = mounts::tree(&path, false)?;
            check(tree.as_fd())?;
            // devices can be written to all the same: what cannot be changed is the file
            let attributes = MountAttrFlags::MOUNT_ATTR_RDONLY
                | MountAttrFlags::MOUNT_ATTR_NOSUID
                | MountAttrFlags::MOUNT_ATTR_NOEXEC;
            sys::set_mount_attributes(tree.as_fd(), attributes, false)?;
            Ok(tree)
        });
    let failed = RuntimeError::step(format!("take the device {what} of the host"));
    let tree = tree.map_err(failed)?;
    Ok(Step::Attach { what, tree, target })
}

/// Adds the device at a path, or those in the directory there.
fn collect(
    source: &Path,
    target: &str,
    access: Access,
    found: &mut Vec<HostDevice>,
) -> io::Result<()> {
    let facts = fs::metadata(source)?;
    if facts.is_dir() {
        for entry in fs::read_dir(source)? {
            let entry = entry?;
            let target = format!("{target}/{}", entry.file_name().to_string_lossy());
            if !entry.file_type()?.is_symlink() {
                collect(&entry.path(), &target, access, found)?;
            }
        }
        return Ok(());
    }
    let kind = match facts.file_type() {
        kind if kind.is_char_device() => DeviceKind::Char,
        kind if kind.is_block_device() => DeviceKind::Block,
        _ => return Ok(()),
    };
    let number = facts.rdev();
    found.push(HostDevice {
        source: source.to_owned(),
        target: target.to_owned(),
        rule: DeviceRule {
            kind: Some(kind),
            major: Some(rustix::fs::major(number)),
            minor: Some(rustix::fs::minor(number)),
            access,
        },
        mode: facts.mode(),
        owner: (facts.uid(), facts.gid()),
    });
    Ok(())
}
