//! Signals: taken as by default, kept, awaited, and sent.

use std::ffi::c_long;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};

use rustix::io::{Errno, Result};
use rustix::process::Pid;

use super::checked;

/// Gives every signal its default disposition, and blocks none: what execve(2) would hand on otherwise.
#[expect(
    unsafe_code,
    reason = "signal dispositions belong to the whole process"
)]
pub(crate) fn reset_signals() {
    // all zero is SIG_DFL without flags and mask; libc's own call refuses the signals it uses itself
    let default = [0_u64; 4];
    for signal in 1..=64 {
        let no_old = std::ptr::null_mut::<u64>();
        // SAFETY: `default` is as large as the kernel's struct sigaction of any machine with 64 bits; KILL and STOP
        // refuse without harm.
        unsafe {
            libc::syscall(
                libc::SYS_rt_sigaction,
                signal,
                default.as_ptr(),
                no_old,
                size_of::<u64>(),
            );
        }
    }
    let mut none = std::mem::MaybeUninit::<libc::sigset_t>::uninit();
    // SAFETY: sigemptyset initialises the set before it is read.
    unsafe {
        libc::sigemptyset(none.as_mut_ptr());
        libc::sigprocmask(libc::SIG_SETMASK, none.as_ptr(), std::ptr::null_mut());
    }
}

/// Keeps every signal that can be kept for [`await_signal`].
#[expect(unsafe_code, reason = "signal masks have no wrapper in rustix")]
pub(crate) fn block_signals() {
    let mut all = std::mem::MaybeUninit::<libc::sigset_t>::uninit();
    // SAFETY: sigfillset initialises the set before it is read.
    unsafe {
        libc::sigfillset(all.as_mut_ptr());
        libc::sigprocmask(libc::SIG_SETMASK, all.as_ptr(), std::ptr::null_mut());
    }
}

/// Waits for a signal that is blocked, and takes it.
#[expect(unsafe_code, reason = "sigwaitinfo has no wrapper in rustix")]
pub(crate) fn await_signal() -> Result<i32> {
    let mut all = std::mem::MaybeUninit::<libc::sigset_t>::uninit();
    // SAFETY: sigfillset initialises the set before it is read; no information is asked for.
    let wait = || unsafe {
        libc::sigfillset(all.as_mut_ptr());
        libc::sigwaitinfo(all.as_ptr(), std::ptr::null_mut())
    };
    rustix::io::retry_on_intr({
        let mut wait = wait;
        move || checked(c_long::from(wait()))
    })
    .map(|signal| signal as i32)
}

/// A descriptor that signals are read from that were kept by [`block_signals`].
#[expect(unsafe_code, reason = "signalfd has no wrapper in rustix")]
pub(crate) fn signal_descriptor() -> Result<OwnedFd> {
    let mut all = std::mem::MaybeUninit::<libc::sigset_t>::uninit();
    // SAFETY: sigfillset initialises the set before it is read; the descriptor is new and ours.
    unsafe {
        libc::sigfillset(all.as_mut_ptr());
        let fd = libc::signalfd(-1, all.as_ptr(), libc::SFD_CLOEXEC | libc::SFD_NONBLOCK);
        checked(c_long::from(fd)).map(|fd| OwnedFd::from_raw_fd(fd as RawFd))
    }
}

/// The number of the next signal of such a descriptor.
pub(crate) fn next_signal(from: BorrowedFd<'_>) -> Result<i32> {
    // struct signalfd_siginfo, whose first field it is
    let mut info = [0; 128];
    rustix::io::read(from, &mut info)?;
    Ok(i32::from_ne_bytes([info[0], info[1], info[2], info[3]]))
}

/// Sends any signal to a child of ours that was not waited for.
#[expect(unsafe_code, reason = "rustix sends named signals only")]
pub(crate) fn kill(child: Pid, signal: i32) -> Result<()> {
    // SAFETY: only numbers are passed.
    checked(c_long::from(unsafe {
        libc::kill(child.as_raw_nonzero().get(), signal)
    }))
    .map(drop)
}

/// Sends any signal, real-time ones included (pidfd_send_signal(2)); EINVAL for a number that is none.
#[expect(unsafe_code, reason = "rustix sends named signals only")]
pub(crate) fn send_signal(pidfd: BorrowedFd<'_>, signal: i32) -> Result<()> {
    if !(1..=64).contains(&signal) {
        return Err(Errno::INVAL);
    }
    let no_info = std::ptr::null::<libc::siginfo_t>();
    // SAFETY: without information and flags, only numbers are passed.
    let sent = unsafe {
        libc::syscall(
            libc::SYS_pidfd_send_signal,
            pidfd.as_raw_fd(),
            signal,
            no_info,
            0,
        )
    };
    checked(sent).map(drop)
}
