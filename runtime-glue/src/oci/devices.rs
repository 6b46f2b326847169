//! The device files of a configuration, beside those that every container has.

use std::ffi::CString;
use std::fmt;
use std::path::Path;

use rustix::fs::{AtFlags, FileType, makedev};
use rustix::io::{Errno, Result};

use super::check::invalid;
use super::config::{Config, NamespaceKind};
use crate::RuntimeError;
use crate::init::devices::{DEVICES, LINKS, Node, shown};
use crate::init::{Act, Context, Step, Target};

/// A device file to be made; what is there already must be the same.
struct Make {
    node: Node,
    target: Target,
    kind: FileType,
    number: u64,
}

/// The steps that make them, unless /dev is somebody's already.
pub(super) fn steps(config: &Config) -> std::result::Result<Vec<Step>, RuntimeError> {
    let mut steps = Vec::new();
    let bound = config.mounts.iter().any(|mount| {
        let is_bind = mount.kind.as_deref() == Some("bind")
            || mount.options.iter().any(|it| it == "bind" || it == "rbind");
        is_bind && mount.destination.trim_end_matches('/') == "/dev"
    });
    let shared = config.has(NamespaceKind::User);
    if !bound {
        for (name, major, minor) in DEVICES {
            let path = format!("/dev/{name}");
            if config
                .linux
                .devices
                .iter()
                .any(|device| device.path == path)
            {
                continue;
            }
            steps.push(one(
                &path,
                FileType::CharacterDevice,
                (major, minor),
                0o666,
                (0, 0),
                shared,
            )?);
        }
    }
    for device in &config.linux.devices {
        let kind = match device.kind.as_str() {
            "c" | "u" => FileType::CharacterDevice,
            "b" => FileType::BlockDevice,
            "p" => FileType::Fifo,
            other => {
                return Err(invalid(format!(
                    "{} has the device type {other:?}",
                    device.path
                )));
            }
        };
        let owner = (device.uid.unwrap_or(0), device.gid.unwrap_or(0));
        let mode = device.file_mode.unwrap_or(0o666) & 0o7777;
        let number = (device.major, device.minor);
        steps.push(one(&device.path, kind, number, mode, owner, shared)?);
    }
    if !bound {
        for (name, destination) in LINKS {
            let target = Target::new(&format!("/dev/{name}"))?;
            let destination = CString::new(destination).unwrap_or_default();
            steps.push(Step::Link {
                target,
                destination,
            });
        }
    }
    Ok(steps)
}

/// One file: made, or where nobody may make any, the host's.
fn one(
    path: &str,
    kind: FileType,
    (major, minor): (u32, u32),
    mode: u32,
    owner: (u32, u32),
    shared: bool,
) -> std::result::Result<Step, RuntimeError> {
    let target = || Target::new(path);
    let number = makedev(major, minor);
    if shared && kind != FileType::Fifo {
        return shown(Path::new(path), target()?, |fd| {
            let facts = rustix::fs::statat(fd, c"", AtFlags::EMPTY_PATH)?;
            let same = facts.st_rdev == number && FileType::from_raw_mode(facts.st_mode) == kind;
            if same { Ok(()) } else { Err(Errno::NODEV) }
        });
    }
    Ok(Step::act(Make {
        node: Node::new(target()?, kind, (major, minor), mode, owner),
        target: target()?,
        kind,
        number,
    }))
}

impl Act for Make {
    fn run(&mut self, context: &mut Context) -> Result<()> {
        self.node.make(context.root()?)?;
        let made = self.target.find(context.root()?)?;
        let facts = rustix::fs::statat(&made, c"", AtFlags::EMPTY_PATH)?;
        let is_kind = FileType::from_raw_mode(facts.st_mode) == self.kind;
        if is_kind && (self.kind == FileType::Fifo || facts.st_rdev == self.number) {
            Ok(())
        } else {
            Err(context.explain("another file is there"))
        }
    }
}

impl fmt::Display for Make {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "make the device {}", self.target)
    }
}
