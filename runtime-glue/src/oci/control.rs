//! `kill`, `pause` and `resume`.

use std::os::fd::AsFd;

use super::check::invalid;
use super::config::NamespaceKind;
use super::state::{Status, Store};
use crate::{RuntimeError, sys};

/// Sends a signal to the first process of a container, or to all.
pub(super) fn kill(store: &Store, id: &str, signal: &str, all: bool) -> Result<(), RuntimeError> {
    let number = number(signal).ok_or_else(|| invalid(format!("{signal:?} is no signal")))?;
    let container = store.find(id)?;
    // without a pid namespace others outlive the first process, and nobody else would end them
    let shared = number == libc::SIGKILL && !container.config.has(NamespaceKind::Pid);
    if all || shared {
        let cgroup = container.cgroup()?;
        if number == libc::SIGKILL {
            return cgroup.kill();
        }
        for pid in cgroup.processes() {
            // it may be gone already, which is as well
            let _ = sys::kill(pid, number);
        }
        return Ok(());
    }
    if matches!(container.status()?, Status::Stopped | Status::Creating) {
        return Err(RuntimeError::NotAlive);
    }
    let init = container.record.init.and_then(|init| init.descriptor());
    let init = init.ok_or(RuntimeError::NotAlive)?;
    match sys::send_signal(init.as_fd(), number) {
        Err(rustix::io::Errno::SRCH) => Err(RuntimeError::NotAlive),
        sent => sent.map_err(RuntimeError::step(format!("send signal {number}"))),
    }
}

/// Holds a container still.
pub(super) fn pause(store: &Store, id: &str) -> Result<(), RuntimeError> {
    let container = store.find(id)?;
    match container.status()? {
        Status::Running | Status::Created => container.cgroup()?.freeze(),
        status => Err(wrong("pause", id, status)),
    }
}

/// Lets it go on.
pub(super) fn resume(store: &Store, id: &str) -> Result<(), RuntimeError> {
    let container = store.find(id)?;
    match container.status()? {
        Status::Paused => container.cgroup()?.thaw(),
        status => Err(wrong("resume", id, status)),
    }
}

fn wrong(operation: &'static str, id: &str, status: Status) -> RuntimeError {
    RuntimeError::WrongStatus {
        operation,
        id: id.to_owned(),
        status: format!("{status:?}").to_lowercase(),
    }
}

/// The number of a signal that is named as in signal(7), with or without `SIG`, or numbered.
fn number(signal: &str) -> Option<i32> {
    if let Ok(number) = signal.parse() {
        return (1..=64).contains(&number).then_some(number);
    }
    let upper = signal.to_uppercase();
    let name = upper.strip_prefix("SIG").unwrap_or(&upper);
    let position = SIGNALS.iter().position(|known| *known == name)?;
    Some(position as i32 + 1)
}

/// The standard signals of every machine of ours, from 1 on.
const SIGNALS: [&str; 31] = [
    "HUP", "INT", "QUIT", "ILL", "TRAP", "ABRT", "BUS", "FPE", "KILL", "USR1", "SEGV", "USR2",
    "PIPE", "ALRM", "TERM", "STKFLT", "CHLD", "CONT", "STOP", "TSTP", "TTIN", "TTOU", "URG",
    "XCPU", "XFSZ", "VTALRM", "PROF", "WINCH", "IO", "PWR", "SYS",
];

#[cfg(test)]
mod tests {
    use super::number;

    #[test]
    fn a_signal_is_a_name_or_a_number() {
        for text in ["15", "TERM", "SIGTERM", "sigterm"] {
            assert_eq!(number(text), Some(libc::SIGTERM));
        }
        assert_eq!(number("WINCH"), Some(libc::SIGWINCH));
        for text in ["0", "65", "-1", "NONE", ""] {
            assert_eq!(number(text), None, "{text:?}");
        }
    }
}
