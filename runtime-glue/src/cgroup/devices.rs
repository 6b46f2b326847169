//! Which devices the processes of a group may use: a program for version 2, two files for version 1.
//!
//! The program of version 2 (Documentation/admin-guide/cgroup-v2.rst, Device controller; BPF_PROG_TYPE_CGROUP_DEVICE in
//! include/uapi/linux/bpf.h) is preferred, where both are mounted.

use std::fs::{self, File};
use std::os::fd::AsFd;
use std::path::Path;

use super::controller::Version;
use super::{Cgroup, Verdict};
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
        let allowed = rules.iter().map(|rule| Verdict {
            allow: true,
            rule: *rule,
        });
        self.judge_devices(&allowed.collect::<Vec<_>>())
    }

    /// Lets the processes of the group use what the verdicts, later before earlier ones, leave them of none.
    pub(crate) fn judge_devices(&self, verdicts: &[Verdict]) -> Result<(), RuntimeError> {
        let first = |version| {
            let found = self.directories().find(|(it, _)| {
                it.version == version
                    && (version == Version::Two || it.controllers.iter().any(|c| c == "devices"))
            });
            found.map(|(_, directory)| directory)
        };
        let (unified, old) = (first(Version::Two), first(Version::One));
        match (unified, old) {
            (Some(unified), old) => match (filter(&unified, verdicts), old) {
                // a kernel that was built without it
                (Err(_), Some(old)) => list(&old, verdicts),
                (filtered, _) => filtered,
            },
            (None, Some(old)) => list(&old, verdicts),
            (None, None) => Err(RuntimeError::UnsupportedLimit {
                limit: "the use of devices",
                controller: "devices",
            }),
        }
    }
}

fn filter(directory: &Path, verdicts: &[Verdict]) -> Result<(), RuntimeError> {
    let opened = File::open(directory).map_err(RuntimeError::file("open", directory))?;
    let program = sys::bpf::load_device_filter(&program(verdicts));
    let attached =
        program.and_then(|it| sys::bpf::attach_device_filter(opened.as_fd(), it.as_fd()));
    attached.map_err(|errno| {
        RuntimeError::file("filter the devices of", directory)(std::io::Error::from(errno))
    })
}

fn list(directory: &Path, verdicts: &[Verdict]) -> Result<(), RuntimeError> {
    let write = |name: &str, text: &str| {
        let file = directory.join(name);
        fs::write(&file, text).map_err(RuntimeError::file("write", file))
    };
    write("devices.deny", "a")?;
    verdicts.iter().try_for_each(|Verdict { allow, rule }| {
        let name = if *allow {
            "devices.allow"
        } else {
            "devices.deny"
        };
        let kinds = [DeviceKind::Char, DeviceKind::Block].map(Some);
        // of `a` the kernel reads nothing more
        let each = match (
            rule.kind,
            rule.access == Access::ALL && rule.major.is_none(),
        ) {
            (None, false) => &kinds[..],
            (kind, _) => &[kind],
        };
        each.iter().try_for_each(|kind| {
            write(
                name,
                &DeviceRule {
                    kind: *kind,
                    ..*rule
                }
                .to_string(),
            )
        })
    })
}

/// The program: for each verdict, from the last to the first, past it unless it fits; 1 to allow, in the end 0.
fn program(verdicts: &[Verdict]) -> Vec<sys::bpf::Instruction> {
    use sys::bpf::{Instruction as I, Register as R};
    let mut program = vec![
        I::load(R::KIND, R::CONTEXT, ACCESS_AND_KIND),
        I::copy(R::ACCESS, R::KIND),
        I::and(R::KIND, 0xffff),
        I::shift_right(R::ACCESS, 16),
        I::load(R::MAJOR, R::CONTEXT, MAJOR),
        I::load(R::MINOR, R::CONTEXT, MINOR),
    ];
    for Verdict { allow, rule } in joined(verdicts).iter().rev() {
        let mut block = vec![I::set(R::RESULT, i32::from(*allow)), I::exit()];
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
            let fits = match allow {
                // all that is wanted must be allowed
                true => vec![
                    I::copy(R::SCRATCH, R::ACCESS),
                    I::and(R::SCRATCH, !mask(rule.access) & (MKNOD | READ | WRITE)),
                    I::jump_unless_equal(R::SCRATCH, 0, past),
                ],
                // and none of it denied
                false => vec![
                    I::copy(R::SCRATCH, R::ACCESS),
                    I::and(R::SCRATCH, mask(rule.access)),
                    I::jump_unless_equal(R::SCRATCH, 0, 1),
                    I::jump(past),
                ],
            };
            block.splice(0..0, fits);
        }
        program.extend(block);
    }
    program.extend([I::set(R::RESULT, 0), I::exit()]);
    program
}

/// The verdicts, with what neighbours allow of the same devices as one: it may be wanted at once.
fn joined(verdicts: &[Verdict]) -> Vec<Verdict> {
    let mut all: Vec<Verdict> = Vec::new();
    for next in verdicts {
        let same = |last: &Verdict| {
            let key = |it: &DeviceRule| (it.kind, it.major, it.minor);
            last.allow && next.allow && key(&last.rule) == key(&next.rule)
        };
        match all.last_mut().filter(|last| same(last)) {
            Some(last) => {
                let (one, other) = (last.rule.access, next.rule.access);
                last.rule.access = Access {
                    read: one.read || other.read,
                    write: one.write || other.write,
                    mknod: one.mknod || other.mknod,
                };
            }
            None => all.push(*next),
        }
    }
    all
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
