//! The system calls that rustix does not offer in safe Rust, each in a function as small as it can be.

pub(crate) mod bpf;
mod mounts;
mod priority;
mod signals;

use std::ffi::{CStr, c_char, c_long};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::path::Path;

use rustix::fs::CWD;
use rustix::io::{Errno, Result};
use rustix::mount::{MountAttrFlags, OpenTreeFlags};
use rustix::process::Pid;
use rustix::thread::UnshareFlags;

pub(crate) use mounts::{MountChange, change_mount, set_mount_attributes};
pub(crate) use priority::{Scheduling, set_io_priority, set_personality, set_scheduling};
pub(crate) use signals::{
    await_signal, block_signals, kill, next_signal, reset_signals, send_signal, signal_descriptor,
};

/// linux/sched.h; the libc crate's constant has lost its only bit.
const CLONE_INTO_CGROUP: u64 = 1 << 33;

/// Which side of a clone the caller is on.
pub(crate) enum Clone {
    /// The one that called, with the new process.
    Parent { pid: Pid, pidfd: OwnedFd },
    /// The new one.
    Child,
}

/// Makes a copy of this process, in new namespaces as `flags` say and in `cgroup` (clone3(2)).
///
/// **Contract:** this process has one thread, so its copy has whole data structures and may do anything.
#[expect(unsafe_code, reason = "clone3 has no wrapper anywhere")]
pub(crate) fn clone(flags: i32, cgroup: Option<BorrowedFd<'_>>) -> Result<Clone> {
    let mut pidfd: RawFd = -1;
    let into = if cgroup.is_some() {
        CLONE_INTO_CGROUP
    } else {
        0
    };
    let args = libc::clone_args {
        flags: flags as u64 | libc::CLONE_PIDFD as u64 | into,
        pidfd: &raw mut pidfd as u64,
        child_tid: 0,
        parent_tid: 0,
        exit_signal: libc::SIGCHLD as u64,
        stack: 0,
        stack_size: 0,
        tls: 0,
        set_tid: 0,
        set_tid_size: 0,
        cgroup: cgroup.map_or(0, |fd| fd.as_raw_fd() as u64),
    };
    // SAFETY: without CLONE_VM the child runs on a copy of all memory, as after fork(2); `args` and `pidfd` outlive
    // the call.
    let pid =
        checked(unsafe { libc::syscall(libc::SYS_clone3, &raw const args, size_of_val(&args)) })?;
    let Some(pid) = Pid::from_raw(pid as i32) else {
        return Ok(Clone::Child);
    };
    // SAFETY: the kernel has just made this descriptor for us.
    let pidfd = unsafe { OwnedFd::from_raw_fd(pidfd) };
    Ok(Clone::Parent { pid, pidfd })
}

/// Splits off a copy of this process that goes on in its own session, whatever happens to the caller; true in the copy.
///
/// **Contract:** as for [`clone`].
#[expect(
    unsafe_code,
    reason = "fork is unsafe in a process with threads, which this is not"
)]
pub(crate) fn daemonize() -> Result<bool> {
    // SAFETY: this process has one thread.
    let pid = checked(c_long::from(unsafe { libc::fork() }))?;
    if pid == 0 {
        rustix::process::setsid()?;
    }
    Ok(pid == 0)
}

/// A file of ours as a mount of its own, mounted nowhere, through which nobody can write to it.
pub(crate) fn readonly_view(path: &Path) -> Result<OwnedFd> {
    let flags = OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::OPEN_TREE_CLOEXEC;
    let view = rustix::mount::open_tree(CWD, path, flags)?;
    set_mount_attributes(view.as_fd(), MountAttrFlags::MOUNT_ATTR_RDONLY, false)?;
    Ok(view)
}

/// Goes on as the same program, seen through [`readonly_view`]; returns if it is already.
pub(crate) fn run_from_readonly_view() -> std::io::Result<()> {
    use std::os::unix::process::CommandExt;
    let own = rustix::fs::statvfs("/proc/self/exe")?;
    if own.f_flag.contains(rustix::fs::StatVfsMountFlags::RDONLY) {
        return Ok(());
    }
    let view = readonly_view(Path::new("/proc/self/exe"))?;
    let mut args = std::env::args_os();
    let mut again = std::process::Command::new(format!("/proc/self/fd/{}", view.as_raw_fd()));
    again.arg0(args.next().unwrap_or_default()).args(args);
    // returns only if it fails
    Err(again.exec())
}

/// Closes every descriptor from 3 on, except those to `keep`.
#[expect(
    unsafe_code,
    reason = "whoever owns a descriptor must not use it again"
)]
pub(crate) fn close_all_but(keep: &[RawFd]) -> Result<()> {
    let mut keep = keep.to_vec();
    keep.sort_unstable();
    let mut first = 3;
    for bound in keep.into_iter().chain([RawFd::MAX]) {
        if first < bound {
            // SAFETY: called before anything is opened, or in a process that never again uses or drops what it owns.
            checked(unsafe { libc::syscall(libc::SYS_close_range, first, bound - 1, 0) })?;
        }
        first = first.max(bound.saturating_add(1));
    }
    Ok(())
}

/// Leaves the daemon's session keyring for an empty one (keyctl(2)); a kernel without keys needs none.
#[expect(unsafe_code, reason = "keyctl has no wrapper in rustix")]
pub(crate) fn leave_keyring() -> Result<()> {
    let nameless = std::ptr::null::<c_char>();
    // SAFETY: without a name, only numbers are passed.
    let joined = unsafe {
        libc::syscall(
            libc::SYS_keyctl,
            libc::KEYCTL_JOIN_SESSION_KEYRING,
            nameless,
        )
    };
    match checked(joined) {
        Err(Errno::NOSYS) => Ok(()),
        other => other.map(drop),
    }
}

/// Leaves the calling process, or its future children, with namespaces of their own.
///
/// **Contract:** `namespaces` names nothing else.
#[expect(
    unsafe_code,
    reason = "unshare is unsafe for descriptor tables, which stay shared here"
)]
pub(crate) fn unshare(namespaces: UnshareFlags) -> Result<()> {
    // SAFETY: the descriptor table is not unshared.
    unsafe { rustix::thread::unshare_unsafe(namespaces.difference(UnshareFlags::FILES)) }
}

/// Lets `filter` decide about every system call of this thread from now on (seccomp(2)).
#[expect(unsafe_code, reason = "seccomp has no wrapper in rustix")]
pub(crate) fn filter_calls(filter: &[libc::sock_filter]) -> Result<()> {
    let program = libc::sock_fprog {
        len: u16::try_from(filter.len()).map_err(|_| Errno::TOOBIG)?,
        filter: filter.as_ptr().cast_mut(),
    };
    let flags = libc::SECCOMP_FILTER_FLAG_SPEC_ALLOW;
    // SAFETY: the kernel copies the program, and does not write to it.
    checked(unsafe {
        libc::syscall(
            libc::SYS_seccomp,
            libc::SECCOMP_SET_MODE_FILTER,
            flags,
            &raw const program,
        )
    })
    .map(drop)
}

/// Runs another program in this process; returns only if it cannot.
///
/// **Contract:** both lists end with a null pointer and every other one points to a C string.
#[expect(unsafe_code, reason = "execve takes lists of pointers")]
pub(crate) fn execute(path: &CStr, args: &[*const c_char], env: &[*const c_char]) -> Errno {
    debug_assert!(
        args.last().is_some_and(|p| p.is_null()) && env.last().is_some_and(|p| p.is_null())
    );
    // SAFETY: by the contract above.
    unsafe { libc::execve(path.as_ptr(), args.as_ptr(), env.as_ptr()) };
    Errno::from_io_error(&std::io::Error::last_os_error()).unwrap_or(Errno::INVAL)
}

/// Ends this process, a copy of another that has more to do, without a word and without running anything.
#[expect(unsafe_code, reason = "_exit has no safe wrapper")]
pub(crate) fn exit(code: i32) -> ! {
    // SAFETY: nothing of this process is used after.
    unsafe { libc::_exit(code) }
}

/// Keeps every descriptor from `first` on from being handed to programs.
#[expect(unsafe_code, reason = "close_range has no wrapper in rustix")]
pub(crate) fn close_on_exec_from(first: RawFd) -> Result<()> {
    let flag = libc::CLOSE_RANGE_CLOEXEC;
    // SAFETY: nothing is closed.
    checked(unsafe { libc::syscall(libc::SYS_close_range, first, RawFd::MAX, flag) }).map(drop)
}

fn checked(result: c_long) -> Result<c_long> {
    match result {
        -1 => Err(Errno::from_io_error(&std::io::Error::last_os_error()).unwrap_or(Errno::INVAL)),
        value => Ok(value),
    }
}
