//! What the monitor writes down about its container, for whoever asks, now or after its end.

use std::fs;
use std::io::{self, ErrorKind, Write};
use std::os::fd::OwnedFd;
use std::path::Path;

use jiff::Timestamp;
use rustix::process::{Pid, PidfdFlags, pidfd_open};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::RuntimeError;

/// What a container is to be: a [`crate::Spec`].
pub(crate) const SPEC: &str = "spec.json";
/// What it is while it exists: a [`Life`].
pub(crate) const LIFE: &str = "state.json";
/// How it ended: an [`Exit`].
pub(crate) const EXIT: &str = "exit.json";
/// Where its monitor listens.
pub(crate) const SOCKET: &str = "shim.sock";
/// What its monitor had to complain about.
pub(crate) const COMPLAINTS: &str = "shim.log";

/// A container that was created.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Life {
    pub(crate) shim: ProcessId,
    pub(crate) init: u32,
    /// When its program was started; none before.
    pub(crate) started: Option<Timestamp>,
}

/// How a container ended.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Exit {
    /// The exit code; 128 and the signal's number for a process that was killed, 126 or 127 for one whose program
    /// could not be run.
    pub code: i32,
    /// The signal that killed it.
    pub signal: Option<i32>,
    /// Whether the kernel killed a process of it for want of memory.
    pub oom: bool,
    /// When its program was started; none if it never was.
    pub started: Option<Timestamp>,
    /// When it ended.
    pub finished: Timestamp,
    /// Why its program could not be run.
    pub error: Option<String>,
}

/// One process, not to be confused with a later one of the same number.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ProcessId {
    pub(crate) pid: u32,
    /// In clock ticks since the machine started (proc_pid_stat(5), field 22).
    start: u64,
}

impl ProcessId {
    /// The process of that number now, if it runs.
    pub(crate) fn of(pid: u32) -> Option<Self> {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        // the name before the last parenthesis may contain anything
        let mut fields = stat.rsplit_once(") ")?.1.split(' ');
        let runs = !matches!(fields.next()?, "Z" | "X");
        let start = fields.nth(18)?.parse().ok()?;
        runs.then_some(Self { pid, start })
    }

    /// A descriptor that becomes readable when it ends; none if it has.
    pub(crate) fn descriptor(self) -> Option<OwnedFd> {
        let pidfd = pidfd_open(Pid::from_raw(self.pid as i32)?, PidfdFlags::empty()).ok()?;
        // the number may have passed on before the descriptor was opened, but not since
        (Self::of(self.pid) == Some(self)).then_some(pidfd)
    }
}

/// A descriptor that becomes readable when a process ends; none if it has.
pub fn process_end(pid: u32) -> Option<OwnedFd> {
    ProcessId::of(pid)?.descriptor()
}

/// Reads a record; none if it was not written.
pub(crate) fn read<T: DeserializeOwned>(path: &Path) -> Result<Option<T>, RuntimeError> {
    let text = match fs::read(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        other => other.map_err(RuntimeError::file("read", path))?,
    };
    let parsed = serde_json::from_slice(&text);
    parsed.map(Some).map_err(|source| RuntimeError::Parse {
        path: path.to_owned(),
        source,
    })
}

/// Writes a record so that whoever reads sees all of it or what was there before.
pub(crate) fn write<T: Serialize>(path: &Path, record: &T) -> Result<(), RuntimeError> {
    let draft = path.with_extension("new");
    let written = || -> io::Result<()> {
        let mut file = fs::File::create(&draft)?;
        file.write_all(&serde_json::to_vec(record)?)?;
        fs::rename(&draft, path)
    };
    written().map_err(RuntimeError::file("write", path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_known_by_more_than_its_number() {
        let ours = ProcessId::of(std::process::id()).unwrap();
        assert!(ours.descriptor().is_some());
        let earlier = ProcessId {
            start: ours.start - 1,
            ..ours
        };
        assert!(earlier.descriptor().is_none());
    }

    #[test]
    fn a_record_with_an_unknown_field_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join(EXIT);
        assert_eq!(read::<Exit>(&path).unwrap(), None);
        let exit = Exit {
            code: 0,
            signal: None,
            oom: false,
            started: None,
            finished: Timestamp::UNIX_EPOCH,
            error: None,
        };
        write(&path, &exit).unwrap();
        assert_eq!(read::<Exit>(&path).unwrap(), Some(exit));
        let more = fs::read_to_string(&path)
            .unwrap()
            .replacen('{', "{\"more\":1,", 1);
        fs::write(&path, more).unwrap();
        assert!(matches!(
            read::<Exit>(&path),
            Err(RuntimeError::Parse { .. })
        ));
    }
}
