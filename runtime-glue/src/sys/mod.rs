//! The system calls that rustix does not offer in safe Rust, each in a function as small as it can be.

pub(crate) mod bpf;

use std::ffi::{CStr, c_char, c_long};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::path::Path;

use rustix::fs::CWD;
use rustix::io::{Errno, Result};
use rustix::mount::{MountAttrFlags, OpenTreeFlags};
use rustix::process::Pid;
use rustix::thread::UnshareFlags;

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

/// What becomes of a mount (mount_setattr(2)).
#[derive(Clone, Copy, Debug)]
pub(crate) struct MountChange<'a> {
    /// Attributes it gets.
    pub(crate) set: MountAttrFlags,
    /// Attributes it loses, before it gets others.
    pub(crate) clear: MountAttrFlags,
    /// How mounts below it come and go elsewhere (MS_SHARED, MS_SLAVE, …); 0 leaves it as it is.
    pub(crate) propagation: u64,
    /// The user namespace whose maps say who owns its files.
    pub(crate) owners: Option<BorrowedFd<'a>>,
}

impl Default for MountChange<'_> {
    fn default() -> Self {
        Self {
            set: MountAttrFlags::empty(),
            clear: MountAttrFlags::empty(),
            propagation: 0,
            owners: None,
        }
    }
}

/// Sets attributes of a mount and, if `recursive`, of all below it; makes it private.
pub(crate) fn set_mount_attributes(
    mount: BorrowedFd<'_>,
    attributes: MountAttrFlags,
    recursive: bool,
) -> Result<()> {
    let change = MountChange {
        set: attributes,
        propagation: libc::MS_PRIVATE,
        ..MountChange::default()
    };
    change_mount(mount, &change, recursive)
}

/// Changes a mount and, if `recursive`, all below it: all or nothing of it.
#[expect(unsafe_code, reason = "mount_setattr has no wrapper in rustix")]
pub(crate) fn change_mount(
    mount: BorrowedFd<'_>,
    change: &MountChange<'_>,
    recursive: bool,
) -> Result<()> {
    let idmap = change.owners.map_or(0, |_| libc::MOUNT_ATTR_IDMAP);
    let attr = libc::mount_attr {
        attr_set: u64::from(change.set.bits()) | idmap,
        attr_clr: u64::from(change.clear.bits()),
        propagation: change.propagation,
        userns_fd: change.owners.map_or(0, |fd| fd.as_raw_fd() as u64),
    };
    let flags = libc::AT_EMPTY_PATH | if recursive { libc::AT_RECURSIVE } else { 0 };
    let (fd, path) = (mount.as_raw_fd(), c"".as_ptr());
    // SAFETY: `attr` and the empty path outlive the call.
    checked(unsafe {
        libc::syscall(
            libc::SYS_mount_setattr,
            fd,
            path,
            flags,
            &raw const attr,
            size_of_val(&attr),
        )
    })?;
    Ok(())
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

/// Which programs this process runs as if the kernel were another (personality(2)).
#[expect(unsafe_code, reason = "personality has no wrapper in rustix")]
pub(crate) fn set_personality(domain: u64) -> Result<()> {
    // SAFETY: only a number is passed.
    checked(unsafe { libc::syscall(libc::SYS_personality, domain) }).map(drop)
}

/// How soon this process gets the disk: a class and a priority in it (ioprio_set(2)).
#[expect(unsafe_code, reason = "ioprio_set has no wrapper in rustix")]
pub(crate) fn set_io_priority(priority: u32) -> Result<()> {
    const WHO_PROCESS: i32 = 1;
    // SAFETY: only numbers are passed.
    checked(unsafe { libc::syscall(libc::SYS_ioprio_set, WHO_PROCESS, 0, priority) }).map(drop)
}

/// How soon a process gets the CPU (sched_setattr(2)); times in nanoseconds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scheduling {
    pub(crate) policy: u32,
    pub(crate) flags: u64,
    pub(crate) nice: i32,
    pub(crate) priority: u32,
    pub(crate) runtime: u64,
    pub(crate) deadline: u64,
    pub(crate) period: u64,
}

/// Sets it for this process.
#[expect(unsafe_code, reason = "sched_setattr has no wrapper in rustix")]
pub(crate) fn set_scheduling(it: &Scheduling) -> Result<()> {
    // struct sched_attr as it was at first (48 bytes), which every kernel takes
    #[repr(C)]
    struct Attr {
        size: u32,
        policy: u32,
        flags: u64,
        nice: i32,
        priority: u32,
        runtime: u64,
        deadline: u64,
        period: u64,
    }
    let attr = Attr {
        size: size_of::<Attr>() as u32,
        policy: it.policy,
        flags: it.flags,
        nice: it.nice,
        priority: it.priority,
        runtime: it.runtime,
        deadline: it.deadline,
        period: it.period,
    };
    // SAFETY: `attr` outlives the call.
    checked(unsafe { libc::syscall(libc::SYS_sched_setattr, 0, &raw const attr, 0) }).map(drop)
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
