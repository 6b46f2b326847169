//! Filters, run as the kernel runs them.

use libc::{BPF_ALU, BPF_JA, BPF_JEQ, BPF_JGE, BPF_JGT, BPF_JMP, BPF_LD, BPF_RET, sock_filter};
use libc::{
    SECCOMP_RET_ALLOW, SECCOMP_RET_ERRNO, SECCOMP_RET_KILL_PROCESS, SECCOMP_RET_KILL_THREAD,
};

use super::{Profile, Seccomp, arch};
use crate::{Capabilities, defaults};

const EPERM: u32 = SECCOMP_RET_ERRNO | libc::EPERM as u32;
const ENOSYS: u32 = SECCOMP_RET_ERRNO | libc::ENOSYS as u32;

/// What a filter answers to a call.
fn run(filter: &[sock_filter], audit: u32, number: u32, args: &[u64]) -> u32 {
    let mut data = [0; 64];
    data[..4].copy_from_slice(&number.to_ne_bytes());
    data[4..8].copy_from_slice(&audit.to_ne_bytes());
    for (n, argument) in args.iter().enumerate() {
        data[16 + 8 * n..24 + 8 * n].copy_from_slice(&argument.to_ne_bytes());
    }
    let (mut at, mut a) = (0, 0_u32);
    loop {
        let it = filter[at];
        let code = u32::from(it.code);
        let jump = |is: bool| usize::from(if is { it.jt } else { it.jf });
        at += 1;
        match (code & 7, code & 0xf0) {
            (BPF_LD, _) => {
                let k = it.k as usize;
                a = u32::from_ne_bytes(data[k..k + 4].try_into().unwrap());
            }
            (BPF_ALU, _) => a &= it.k,
            (BPF_JMP, BPF_JA) => at += it.k as usize,
            (BPF_JMP, BPF_JEQ) => at += jump(a == it.k),
            (BPF_JMP, BPF_JGE) => at += jump(a >= it.k),
            (BPF_JMP, BPF_JGT) => at += jump(a > it.k),
            (BPF_RET, _) => return it.k,
            other => panic!("{other:?} is no instruction we know"),
        }
    }
}

/// What a filter answers to a call of this machine's own architecture, by name.
fn ask(seccomp: &Seccomp, capabilities: Capabilities, call: &str, args: &[u64]) -> u32 {
    let filter = seccomp.filter(capabilities).unwrap().unwrap();
    let number = (arch::NATIVE.number)(call).unwrap();
    run(&filter, arch::NATIVE.audit, number, args)
}

fn by_default(call: &str, args: &[u64]) -> u32 {
    ask(&Seccomp::Default, defaults::CAPABILITIES, call, args)
}

fn profile(text: &str) -> Seccomp {
    Seccomp::Profile(Box::new(serde_json::from_str::<Profile>(text).unwrap()))
}

#[test]
fn what_programs_need_is_allowed_and_ways_out_are_not() {
    for call in [
        "read", "openat", "execve", "futex", "mknodat", "ptrace", "chroot", "bind",
    ] {
        assert_eq!(by_default(call, &[]), SECCOMP_RET_ALLOW, "{call}");
    }
    let ways_out = "mount umount2 pivot_root keyctl add_key request_key bpf unshare setns reboot kexec_load init_module \
                    perf_event_open userfaultfd io_uring_setup open_by_handle_at swapon settimeofday move_mount quotactl";
    for call in ways_out.split_whitespace() {
        assert_eq!(by_default(call, &[]), EPERM, "{call}");
    }
    let newest = arch::NATIVE.last + 1;
    let filter = Seccomp::Default
        .filter(defaults::CAPABILITIES)
        .unwrap()
        .unwrap();
    assert_eq!(run(&filter, arch::NATIVE.audit, newest, &[]), ENOSYS);
    assert_eq!(run(&filter, 0xdead, 0, &[]), SECCOMP_RET_KILL_PROCESS);
}

#[test]
fn arguments_decide_where_a_call_is_harmless_with_some_only() {
    assert_eq!(
        by_default("clone", &[libc::SIGCHLD as u64]),
        SECCOMP_RET_ALLOW
    );
    for flag in [
        libc::CLONE_NEWUSER,
        libc::CLONE_NEWNS,
        libc::CLONE_NEWCGROUP,
    ] {
        assert_eq!(by_default("clone", &[flag as u64 | 0x100]), EPERM);
    }
    assert_eq!(by_default("clone3", &[]), ENOSYS);
    assert_eq!(by_default("socket", &[2]), SECCOMP_RET_ALLOW);
    assert_eq!(by_default("socket", &[40]), EPERM);
    assert_eq!(by_default("personality", &[0xffff_ffff]), SECCOMP_RET_ALLOW);
    assert_eq!(by_default("personality", &[0x040_0000]), EPERM);
}

#[test]
fn a_capability_comes_with_its_calls() {
    let admin = Capabilities::named("SYS_ADMIN").unwrap();
    for call in ["mount", "clone3", "unshare", "setns", "bpf"] {
        assert_eq!(
            ask(&Seccomp::Default, admin, call, &[]),
            SECCOMP_RET_ALLOW,
            "{call}"
        );
    }
    let namespaces = libc::CLONE_NEWNS as u64;
    assert_eq!(
        ask(&Seccomp::Default, admin, "clone", &[namespaces]),
        SECCOMP_RET_ALLOW
    );
    assert_eq!(ask(&Seccomp::Default, admin, "init_module", &[]), EPERM);
}

#[test]
fn numbers_are_compared_whole() {
    let big = 1_u64 << 32;
    for (op, value, below, equal, above) in [
        ("EQ", big, false, true, false),
        ("NE", big, true, false, true),
        ("LT", big, true, false, false),
        ("LE", big, true, true, false),
        ("GE", big, false, true, true),
        ("GT", big, false, false, true),
    ] {
        let it = profile(&format!(
            r#"{{"defaultAction":"SCMP_ACT_ERRNO","syscalls":[{{"names":["read"],"action":"SCMP_ACT_ALLOW",
                "args":[{{"index":2,"value":{value},"op":"SCMP_CMP_{op}"}}]}}]}}"#
        ));
        for (argument, met) in [
            (big - 1, below),
            (big, equal),
            (big + 1, above),
            (2 * big, above),
            (1, below),
        ] {
            let answer = ask(&it, Capabilities::default(), "read", &[0, 0, argument]);
            assert_eq!(answer == SECCOMP_RET_ALLOW, met, "{argument} {op} {value}");
        }
    }
}

#[test]
fn a_profile_of_a_user_decides_alone() {
    let it = profile(
        r#"{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[
            {"names":["mkdirat","mkdir"],"action":"SCMP_ACT_ERRNO","errnoRet":28,"args":null,"includes":null},
            {"name":"getpid","action":"SCMP_ACT_KILL","excludes":{"minKernel":"99.0"}},
            {"names":["getppid"],"action":"SCMP_ACT_KILL","includes":{"minKernel":"99.0"}}]}"#,
    );
    let asked = |call: &str| ask(&it, Capabilities::default(), call, &[]);
    assert_eq!(asked("mkdirat"), SECCOMP_RET_ERRNO | 28);
    assert_eq!(asked("getpid"), SECCOMP_RET_KILL_THREAD);
    assert_eq!(asked("getppid"), SECCOMP_RET_ALLOW);
    assert_eq!(asked("mount"), SECCOMP_RET_ALLOW);
}

#[test]
fn what_a_profile_asks_for_is_not_passed_over() {
    let refused = |text: &str| {
        let parsed = serde_json::from_str::<Profile>(text).map_err(|e| e.to_string());
        let checked = parsed.and_then(|it| {
            Seccomp::Profile(Box::new(it))
                .validate()
                .map_err(|e| e.to_string())
        });
        checked.expect_err(text)
    };
    for (rule, why) in [
        (
            r#""names":["mout"],"action":"SCMP_ACT_ERRNO""#,
            "no system call \"mout\"",
        ),
        (
            r#""names":["read"],"action":"SCMP_ACT_NOTIFY""#,
            "SCMP_ACT_NOTIFY",
        ),
        (
            r#""names":["read"],"action":"SCMP_ACT_ERRNO","more":1"#,
            "unknown field",
        ),
        (
            r#""names":["read"],"action":"SCMP_ACT_LOG","args":[{"index":6,"value":0,"op":"SCMP_CMP_EQ"}]"#,
            "no argument 6",
        ),
        (
            r#""names":["read"],"action":"SCMP_ACT_ALLOW","includes":{"caps":["CAP_NONE"]}"#,
            "CAP_NONE",
        ),
    ] {
        let text = format!(r#"{{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{{{rule}}}]}}"#);
        assert!(refused(&text).contains(why), "{}", refused(&text));
    }
    let flag =
        r#"{"defaultAction":"SCMP_ACT_ALLOW","flags":["SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV"]}"#;
    assert!(refused(flag).contains("not supported"));
}

#[test]
fn a_call_that_nobody_knows_is_denied_where_all_others_are() {
    let text = |default: &str| {
        format!(
            r#"{{"defaultAction":"{default}","syscalls":[{{"names":["swapcontext"],"action":"SCMP_ACT_ERRNO"}}]}}"#
        )
    };
    assert!(profile(&text("SCMP_ACT_ERRNO")).validate().is_ok());
    assert!(profile(&text("SCMP_ACT_ALLOW")).validate().is_err());
    assert!(profile(&text("SCMP_ACT_LOG")).validate().is_err());
}
