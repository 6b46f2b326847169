//! From a profile to the program that the kernel runs at every system call (Documentation/userspace-api/seccomp_filter.rst).
//!
//! ```text
//! architecture -> which range of numbers, by halving -> the range's fate: one answer, or conditions before it
//! ```
//!
//! Neighbours with the same fate are one range. For calls whose fate needs no argument the kernel finds out once that
//! they are allowed, and runs nothing when they are made (kernel/seccomp.c, `seccomp_cache_prepare`).

use std::collections::BTreeMap;

use libc::{BPF_JA, BPF_JEQ, BPF_JGE, BPF_JMP, BPF_K, BPF_RET, sock_filter};

use super::arch::{self, Arch};
use super::conditions::{condition, instruction, load};
use super::profile::{Action, Argument, Profile, Rule, Scope};
use crate::{Capabilities, RuntimeError};

/// Where the number of the call and the architecture are (struct seccomp_data).
const NUMBER: u32 = 0;
const ARCH: u32 = 4;

/// How many arguments a call has.
const ARGUMENTS: u32 = 6;

/// What becomes of a call, as the filter answers.
#[derive(Clone, PartialEq, Eq, Default)]
struct Fate<'a> {
    conditional: Vec<(&'a [Argument], u32)>,
    otherwise: Option<u32>,
}

/// The program for a container with these capabilities.
pub(super) fn program(
    profile: &Profile,
    capabilities: Capabilities,
) -> Result<Vec<sock_filter>, RuntimeError> {
    check_flags(profile)?;
    let kernel = rustix::system::uname();
    let kernel = version(&kernel.release().to_string_lossy());
    let mut rules = Vec::new();
    for rule in &profile.syscalls {
        check(rule, profile.default_action)?;
        if applies(rule, capabilities, kernel)? {
            rules.push(rule);
        }
    }
    let maps = profile.arch_map.iter();
    let subs = maps
        .filter(|map| arch::is_native(&map.architecture))
        .flat_map(|map| &map.sub_architectures);
    let named = profile.architectures.iter().chain(subs).map(String::as_str);
    let mut program = vec![load(ARCH)];
    for arch in arch::covered(named) {
        let mut block = vec![load(NUMBER)];
        block.extend(choose(&ranges(&arch, profile, &rules)));
        program.push(instruction(BPF_JMP | BPF_JEQ | BPF_K, arch.audit, 1, 0));
        program.push(instruction(BPF_JMP | BPF_JA, block.len() as u32, 0, 0));
        program.extend(block);
    }
    program.push(answer(libc::SECCOMP_RET_KILL_PROCESS));
    Ok(program)
}

/// The fates of all numbers: each from its first number to the next one's.
fn ranges<'a>(arch: &Arch, profile: &Profile, rules: &[&'a Rule]) -> Vec<(u32, Fate<'a>)> {
    let mut fates: BTreeMap<u32, Fate<'a>> = BTreeMap::new();
    for rule in rules {
        let action = value(rule.action, rule.errno_ret);
        for number in rule
            .names
            .iter()
            .chain(&rule.name)
            .filter_map(|name| (arch.number)(name))
        {
            let fate = fates.entry(number).or_default();
            if rule.args.is_empty() {
                fate.otherwise.get_or_insert(action);
            } else {
                fate.conditional.push((&rule.args, action));
            }
        }
    }
    let by_default = value(profile.default_action, profile.default_errno_ret);
    let mut ranges: Vec<(u32, Fate<'a>)> = Vec::new();
    for number in 0..=arch.last {
        let mut fate = fates.remove(&number).unwrap_or_default();
        fate.otherwise.get_or_insert(by_default);
        if ranges.last().is_none_or(|(_, last)| *last != fate) {
            ranges.push((number, fate));
        }
    }
    // a library takes ENOSYS as a reason to do without a new call, and EPERM as none
    let newer = match profile.default_action {
        Action::Errno => libc::SECCOMP_RET_ERRNO | libc::ENOSYS as u32,
        _ => by_default,
    };
    let (conditional, otherwise) = (Vec::new(), Some(newer));
    let newest = Fate {
        conditional,
        otherwise,
    };
    ranges.push((arch.last + 1, newest.clone()));
    for (number, mut fate) in fates {
        fate.otherwise.get_or_insert(by_default);
        ranges.extend([(number, fate), (number + 1, newest.clone())]);
    }
    ranges
}

/// Finds the range of the number that was loaded.
fn choose(ranges: &[(u32, Fate<'_>)]) -> Vec<sock_filter> {
    if let [(_, fate)] = ranges {
        return decide(fate);
    }
    let (left, right) = ranges.split_at(ranges.len() / 2);
    let (first, below) = (right[0].0, choose(left));
    let mut program = vec![
        instruction(BPF_JMP | BPF_JGE | BPF_K, first, 0, 1),
        instruction(BPF_JMP | BPF_JA, below.len() as u32, 0, 0),
    ];
    program.extend(below);
    program.extend(choose(right));
    program
}

fn decide(fate: &Fate<'_>) -> Vec<sock_filter> {
    let mut program = Vec::new();
    for (conditions, action) in &fate.conditional {
        let mut block = vec![answer(*action)];
        for argument in conditions.iter().rev() {
            let mut longer = condition(argument, block.len());
            longer.append(&mut block);
            block = longer;
        }
        program.extend(block);
    }
    program.push(answer(fate.otherwise.unwrap_or_default()));
    program
}

const fn answer(value: u32) -> sock_filter {
    instruction(BPF_RET | BPF_K, value, 0, 0)
}

fn value(action: Action, errno: Option<u16>) -> u32 {
    match action {
        Action::Allow => libc::SECCOMP_RET_ALLOW,
        Action::Log => libc::SECCOMP_RET_LOG,
        Action::Errno => libc::SECCOMP_RET_ERRNO | u32::from(errno.unwrap_or(libc::EPERM as u16)),
        Action::Trap => libc::SECCOMP_RET_TRAP,
        Action::Trace => libc::SECCOMP_RET_TRACE | u32::from(errno.unwrap_or(libc::EPERM as u16)),
        Action::KillThread => libc::SECCOMP_RET_KILL_THREAD,
        Action::KillProcess => libc::SECCOMP_RET_KILL_PROCESS,
    }
}

/// Refuses what would have to be ignored: a call that nobody knows can be denied only by denying what nobody allows.
fn check(rule: &Rule, default: Action) -> Result<(), RuntimeError> {
    if let Some(argument) = rule.args.iter().find(|it| it.index >= ARGUMENTS) {
        let index = argument.index;
        return Err(invalid(format!("a call has no argument {index}: 0 to 5")));
    }
    let matters = rule.action != Action::Allow && matches!(default, Action::Allow | Action::Log);
    let mut names = rule.names.iter().chain(&rule.name);
    match names.find(|name| matters && !arch::is_call(name)) {
        Some(name) => Err(invalid(format!(
            "there is no system call {name:?} to be denied"
        ))),
        None => Ok(()),
    }
}

fn check_flags(profile: &Profile) -> Result<(), RuntimeError> {
    // one thread is filtered, and the other two change what is told or how fast it is, not what is allowed
    let known = [
        "SECCOMP_FILTER_FLAG_TSYNC",
        "SECCOMP_FILTER_FLAG_SPEC_ALLOW",
    ];
    match profile
        .flags
        .iter()
        .find(|flag| !known.contains(&flag.as_str()))
    {
        Some(flag) => Err(invalid(format!("the flag {flag:?} is not supported"))),
        None => Ok(()),
    }
}

fn applies(
    rule: &Rule,
    capabilities: Capabilities,
    kernel: (u32, u32),
) -> Result<bool, RuntimeError> {
    let has = |name: &String| {
        let one = Capabilities::named(name).map_err(|error| invalid(error.to_string()))?;
        Ok(one.difference(capabilities).is_empty())
    };
    let had = |scope: &Scope| {
        scope
            .caps
            .iter()
            .map(has)
            .collect::<Result<Vec<_>, RuntimeError>>()
    };
    let native = |name: &String| name == arch::GO_NAME;
    let new_enough = |scope: &Scope| {
        scope
            .min_kernel
            .as_deref()
            .is_none_or(|least| kernel >= version(least))
    };
    let (needs, bars) = (&rule.includes, &rule.excludes);
    let wanted = had(needs)?.into_iter().all(|it| it)
        && (needs.arches.is_empty() || needs.arches.iter().any(native))
        && new_enough(needs);
    let barred = had(bars)?.into_iter().any(|it| it)
        || bars.arches.iter().any(native)
        || (bars.min_kernel.is_some() && new_enough(bars));
    Ok(wanted && !barred)
}

/// Major and minor number of a kernel.
fn version(text: &str) -> (u32, u32) {
    let mut numbers = text
        .split(|c: char| !c.is_ascii_digit())
        .map(|number| number.parse().unwrap_or(0));
    (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0))
}

fn invalid(why: String) -> RuntimeError {
    RuntimeError::InvalidSpec {
        reason: format!("seccomp profile: {why}"),
    }
}
