//! How soon a process gets what it wants, and as which kernel the kernel shows itself to it.

use rustix::io::Result;

use super::checked;

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
