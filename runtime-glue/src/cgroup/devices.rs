//! Which devices the processes of a group may use: a program for version 2, two files for version 1.
//!
//! The program of version 2 (Documentation/admin-guide/cgroup-v2.rst, Device controller; BPF_PROG_TYPE_CGROUP_DEVICE in
//! include/uapi/linux/bpf.h) is preferred, where both are mounted.

use std::fs::{self, File};
use std::os::fd::AsFd;
use std::path::Path;

use super::Cgroup;
use super::controller::Version;
use crate::device::{Access, DeviceKind, DeviceRule};
use crate::{RuntimeError, sys};

/// The fields of struct bpf_cgroup_dev_ctx.
const ACCESS_AND_KIND: i16 = 0;
const MAJOR: i16 = 4;
const MINOR: i16 = 8;

/// How the context tells what is being done, above the kind.
const MKNOD: i32 = 1;
const READ: i32 = 2;
const WRITE: i32 = 4;

impl Cgroup {
    /// Lets the processes of the group use these devices and no others.
    pub(crate) fn allow_devices(&self, rules: &[DeviceRule]) -> Result<(), RuntimeError> {
        let first = |version| {
            let found = self.directories().find(|(it, _)| {
                it.version == version
                    && (version == Version::Two || it.controllers.iter().any(|c| c == "devices"))
            });
            found.map(|(_, directory)| directory)
        };
        let (unified, old) = (first(Version::Two), first(Version::One));
        match (unified, old) {
            (Some(unified), old) => match (filter(&unified, rules), old) {
                // a kernel that was built without it
                (Err(_), Some(old)) => list(&old, rules),
                (filtered, _) => filtered,
            },
            (None, Some(old)) => list(&old, rules),
            (None, None) => Err(RuntimeError::UnsupportedLimit {
                limit: "the use of devices",
                controller: "devices",
            }),
        }
    }
}

fn filter(directory: &Path, rules: &[DeviceRule]) -> Result<(), RuntimeError> {
    let opened = File::open(directory).map_err(RuntimeError::file("open", directory))?;
    let program = sys::bpf::load_device_filter(&program(rules));
    let attached =
        program.and_then(|it| sys::bpf::attach_device_filter(opened.as_fd(), it.as_fd()));
    attached.map_err(|errno| {
        RuntimeError::file("filter the devices of", directory)(std::io::Error::from(errno))
    })
}

fn list(directory: &Path, rules: &[DeviceRule]) -> Result<(), RuntimeError> {
    let write = |name: &str, text: &str| {
        let file = directory.join(name);
        fs::write(&file, text).map_err(RuntimeError::file("write", file))
    };
    write("devices.deny", "a")?;
    rules
        .iter()
        .try_for_each(|rule| write("devices.allow", &rule.to_string()))
}

/// The program: for each rule, past it unless all of it fits; 1 to allow, in the end 0.
fn program(rules: &[DeviceRule]) -> Vec<sys::bpf::Instruction> {
    use sys::bpf::{Instruction as I, Register as R};
    let mut program = vec![
        I::load(R::KIND, R::CONTEXT, ACCESS_AND_KIND),
        I::copy(R::ACCESS, R::KIND),
        I::and(R::KIND, 0xffff),
        I::shift_right(R::ACCESS, 16),
        I::load(R::MAJOR, R::CONTEXT, MAJOR),
        I::load(R::MINOR, R::CONTEXT, MINOR),
    ];
    for rule in rules {
        let mut block = vec![I::set(R::RESULT, 1), I::exit()];
        let mut unless = |register, value: i32| {
            let past = block.len() as i16;
            block.insert(0, I::jump_unless_equal(register, value, past));
        };
        if let Some(minor) = rule.minor {
            unless(R::MINOR, minor as i32);
        }
        if let Some(major) = rule.major {
            unless(R::MAJOR, major as i32);
        }
        if let Some(kind) = rule.kind {
            unless(R::KIND, number(kind));
        }
        if rule.access != Access::ALL {
            let past = block.len() as i16;
            let denied = !mask(rule.access) & (MKNOD | READ | WRITE);
            let fits = [
                I::copy(R::SCRATCH, R::ACCESS),
                I::and(R::SCRATCH, denied),
                I::jump_unless_equal(R::SCRATCH, 0, past),
            ];
            block.splice(0..0, fits);
        }
        program.extend(block);
    }
    program.extend([I::set(R::RESULT, 0), I::exit()]);
    program
}

const fn number(kind: DeviceKind) -> i32 {
    match kind {
        DeviceKind::Block => 1,
        DeviceKind::Char => 2,
    }
}

fn mask(access: Access) -> i32 {
    let bits = [
        (access.mknod, MKNOD),
        (access.read, READ),
        (access.write, WRITE),
    ];
    bits.iter().filter(|(is, _)| *is).map(|(_, bit)| bit).sum()
}
