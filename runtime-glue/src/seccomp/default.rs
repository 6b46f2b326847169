//! The system calls that Docker allows by default (moby/profiles, seccomp/default_linux.go): what programs need, and nothing
//! that reaches the kernel's parts that no namespace separates.

use super::profile::{Action, ArchMap, Argument, Operator, Profile, Rule, Scope};

/// Calls that every container may make, by what they are for.
const ALWAYS: &[&str] = &[
    // files, by name
    "access chdir chmod chown chown32 creat faccessat faccessat2 fchmodat fchmodat2 fchownat fstatat64 futimesat getcwd \
     getxattr getxattrat lchown lchown32 lgetxattr link linkat listxattr listxattrat llistxattr lremovexattr lsetxattr lstat \
     lstat64 mkdir mkdirat mknod mknodat name_to_handle_at newfstatat oldfstat oldlstat oldstat open openat openat2 readlink \
     readlinkat removexattr removexattrat rename renameat renameat2 rmdir setxattr setxattrat stat stat64 statfs statfs64 statx \
     symlink symlinkat truncate truncate64 unlink unlinkat utime utimensat utimensat_time64 utimes file_getattr file_setattr",
    // files, by descriptor
    "cachestat close close_range copy_file_range dup dup2 dup3 fadvise64 fadvise64_64 fallocate fchdir fchmod fchown fchown32 \
     fcntl fcntl64 fdatasync fgetxattr flistxattr flock fremovexattr fsetxattr fstat fstat64 fstatfs fstatfs64 fsync ftruncate \
     ftruncate64 getdents getdents64 ioctl _llseek lseek pipe pipe2 pread64 preadv preadv2 pwrite64 pwritev pwritev2 read \
     readahead readv sendfile sendfile64 splice sync sync_file_range syncfs tee vmsplice write writev umask",
    // waiting, and being told
    "epoll_create epoll_create1 epoll_ctl epoll_ctl_old epoll_pwait epoll_pwait2 epoll_wait epoll_wait_old eventfd eventfd2 \
     fanotify_mark inotify_add_watch inotify_init inotify_init1 inotify_rm_watch _newselect poll ppoll ppoll_time64 pselect6 \
     pselect6_time64 select signalfd signalfd4 timerfd_create timerfd_gettime timerfd_gettime64 timerfd_settime \
     timerfd_settime64",
    "io_cancel io_destroy io_getevents io_pgetevents io_pgetevents_time64 io_setup io_submit",
    // memory
    "brk madvise map_shadow_stack memfd_create memfd_secret mincore mlock mlock2 mlockall mmap mmap2 mprotect mremap mseal \
     msync munlock munlockall munmap pkey_alloc pkey_free pkey_mprotect remap_file_pages membarrier process_mrelease",
    // processes and threads
    "execve execveat exit exit_group fork vfork futex futex_requeue futex_time64 futex_wait futex_waitv futex_wake \
     get_robust_list set_robust_list get_thread_area set_thread_area set_tid_address getcpu getpgid getpgrp getpid getppid \
     getpriority setpriority getrlimit setrlimit prlimit64 ugetrlimit getrusage getsid setsid setpgid gettid ioprio_get \
     ioprio_set pause pidfd_open pidfd_send_signal prctl arch_prctl restart_syscall rseq sched_getaffinity sched_getattr \
     sched_getparam sched_get_priority_max sched_get_priority_min sched_getscheduler sched_rr_get_interval \
     sched_rr_get_interval_time64 sched_setaffinity sched_setattr sched_setparam sched_setscheduler sched_yield wait4 waitid \
     waitpid uretprobe",
    // who one is, and is no longer
    "capget capset getegid getegid32 geteuid geteuid32 getgid getgid32 getgroups getgroups32 getresgid getresgid32 getresuid \
     getresuid32 getuid getuid32 setfsgid setfsgid32 setfsuid setfsuid32 setgid setgid32 setgroups setgroups32 setregid \
     setregid32 setresgid setresgid32 setresuid setresuid32 setreuid setreuid32 setuid setuid32 seccomp \
     landlock_add_rule landlock_create_ruleset landlock_restrict_self",
    // signals
    "kill tgkill tkill rt_sigaction rt_sigpending rt_sigprocmask rt_sigqueueinfo rt_sigreturn rt_sigsuspend rt_sigtimedwait \
     rt_sigtimedwait_time64 rt_tgsigqueueinfo sigaction sigaltstack signal sigpending sigprocmask sigreturn sigsuspend",
    // time
    "adjtimex alarm clock_adjtime clock_adjtime64 clock_getres clock_getres_time64 clock_gettime clock_gettime64 \
     clock_nanosleep clock_nanosleep_time64 getitimer setitimer gettimeofday nanosleep time times timer_create timer_delete \
     timer_getoverrun timer_gettime timer_gettime64 timer_settime timer_settime64",
    // talking to others
    "accept accept4 bind connect getpeername getsockname getsockopt listen recv recvfrom recvmmsg recvmmsg_time64 recvmsg send \
     sendmmsg sendmsg sendto setsockopt shutdown socketcall socketpair ipc mq_getsetattr mq_notify mq_open mq_timedreceive \
     mq_timedreceive_time64 mq_timedsend mq_timedsend_time64 mq_unlink msgctl msgget msgrcv msgsnd semctl semget semop \
     semtimedop semtimedop_time64 shmat shmctl shmdt shmget",
    // the machine
    "getrandom sysinfo uname",
];

/// Calls that a capability comes with.
const BY_CAPABILITY: &[(&str, &str)] = &[
    ("CAP_DAC_READ_SEARCH", "open_by_handle_at"),
    (
        "CAP_SYS_ADMIN",
        "bpf clone clone3 fanotify_init fsconfig fsmount fsopen fspick lookup_dcookie mount mount_setattr move_mount open_tree \
         open_tree_attr listmount statmount perf_event_open quotactl quotactl_fd setdomainname sethostname setns syslog umount \
         umount2 unshare",
    ),
    ("CAP_SYS_BOOT", "reboot"),
    ("CAP_SYS_CHROOT", "chroot"),
    ("CAP_SYS_MODULE", "delete_module init_module finit_module"),
    ("CAP_SYS_PACCT", "acct"),
    (
        "CAP_SYS_PTRACE",
        "kcmp pidfd_getfd process_madvise process_vm_readv process_vm_writev ptrace",
    ),
    ("CAP_SYS_RAWIO", "iopl ioperm"),
    (
        "CAP_SYS_TIME",
        "settimeofday stime clock_settime clock_settime64",
    ),
    ("CAP_SYS_TTY_CONFIG", "vhangup"),
    (
        "CAP_SYS_NICE",
        "get_mempolicy mbind set_mempolicy set_mempolicy_home_node",
    ),
    ("CAP_SYSLOG", "syslog"),
    ("CAP_BPF", "bpf"),
    ("CAP_PERFMON", "perf_event_open"),
];

/// The personalities (personality(2)) that are only about how programs see themselves; the last asks for the present one.
const PERSONALITIES: [u64; 5] = [0x0, 0x8, 0x2_0000, 0x2_0008, 0xffff_ffff];

/// The kinds of sockets that reach past network namespaces: AF_VSOCK.
const VSOCK: u64 = 40;

/// The flags of clone(2) that make namespaces (CLONE_NEWCGROUP, …UTS, …IPC, …USER, …PID, …NET, …NS).
const NAMESPACES: u64 = 0x7e02_0000;

/// Docker's default profile.
pub(super) fn profile() -> Profile {
    let mut syscalls: Vec<Rule> = ALWAYS.iter().map(|names| allow(names)).collect();
    syscalls.extend(BY_CAPABILITY.iter().map(|(capability, names)| Rule {
        includes: having(capability),
        ..allow(names)
    }));
    let when = |names, index, op, value, value_two| Rule {
        args: vec![Argument {
            index,
            value,
            value_two,
            op,
        }],
        ..allow(names)
    };
    let personality = |it| when("personality", 0, Operator::Equal, it, 0);
    syscalls.extend(PERSONALITIES.map(personality));
    syscalls.push(when("socket", 0, Operator::NotEqual, VSOCK, 0));
    syscalls.extend([
        Rule {
            excludes: having("CAP_SYS_ADMIN"),
            ..when("clone", 0, Operator::MaskedEqual, NAMESPACES, 0)
        },
        // its flags are in memory, where no filter sees them: libraries then use clone
        Rule {
            action: Action::Errno,
            errno_ret: Some(libc::ENOSYS as u16),
            excludes: having("CAP_SYS_ADMIN"),
            ..allow("clone3")
        },
        Rule {
            includes: on(&["amd64", "x86"]),
            ..allow("modify_ldt")
        },
        Rule {
            includes: on(&["arm", "arm64"]),
            ..allow("arm_fadvise64_64 arm_sync_file_range sync_file_range2 breakpoint cacheflush set_tls")
        },
        Rule {
            includes: since("4.8"),
            ..allow("process_vm_readv process_vm_writev ptrace")
        },
    ]);
    Profile {
        default_action: Action::Errno,
        default_errno_ret: Some(libc::EPERM as u16),
        architectures: Vec::new(),
        arch_map: [
            ("SCMP_ARCH_X86_64", "SCMP_ARCH_X86"),
            ("SCMP_ARCH_AARCH64", "SCMP_ARCH_ARM"),
        ]
        .map(|(own, other)| ArchMap {
            architecture: own.to_owned(),
            sub_architectures: vec![other.to_owned()],
        })
        .into(),
        flags: Vec::new(),
        syscalls,
    }
}

fn allow(names: &str) -> Rule {
    Rule {
        names: names.split_whitespace().map(str::to_owned).collect(),
        name: None,
        action: Action::Allow,
        errno_ret: None,
        args: Vec::new(),
        includes: Scope::default(),
        excludes: Scope::default(),
        comment: None,
    }
}

fn having(capability: &str) -> Scope {
    Scope {
        caps: vec![capability.to_owned()],
        ..Scope::default()
    }
}

fn on(arches: &[&str]) -> Scope {
    Scope {
        arches: arches.iter().map(ToString::to_string).collect(),
        ..Scope::default()
    }
}

fn since(kernel: &str) -> Scope {
    Scope {
        min_kernel: Some(kernel.to_owned()),
        ..Scope::default()
    }
}

#[cfg(test)]
mod tests {
    use super::super::arch;
    use super::*;

    #[test]
    fn every_call_named_is_one() {
        let rules = profile().syscalls.into_iter();
        let names = rules.flat_map(|rule| rule.names);
        let unknown: Vec<_> = names.filter(|name| !arch::is_call(name)).collect();
        assert_eq!(unknown, [""; 0]);
    }
}
