//! A profile as Docker's files have it (docs.docker.com/engine/security/seccomp; OCI runtime specification,
//! config-linux.md, seccomp).

use serde::{Deserialize, Deserializer, Serialize};

/// Rules for system calls, and what becomes of those that no rule is for.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Profile {
    /// What becomes of a call that no rule is for.
    pub default_action: Action,
    /// The error number where that is [`Action::Errno`]; EPERM if none is given.
    pub default_errno_ret: Option<u16>,
    /// The architectures whose calls can be made beside the machine's own; all others are the end of a process.
    #[serde(default, deserialize_with = "list")]
    pub architectures: Vec<String>,
    /// The same, for many machines at once.
    #[serde(default, deserialize_with = "list")]
    pub arch_map: Vec<ArchMap>,
    /// Wishes for how the filter is installed; those that change what it means are refused.
    #[serde(default, deserialize_with = "list")]
    pub flags: Vec<String>,
    /// The rules: of those for one call the first whose conditions are met decides, and one without conditions
    /// only after all that have some.
    #[serde(default, deserialize_with = "list")]
    pub syscalls: Vec<Rule>,
}

/// An architecture, and those whose programs its machines run as well.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct ArchMap {
    /// The machine's own.
    pub architecture: String,
    /// The others.
    #[serde(default, deserialize_with = "list")]
    pub sub_architectures: Vec<String>,
}

/// What becomes of some calls, where the rule applies at all.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Rule {
    /// The calls.
    #[serde(default, deserialize_with = "list")]
    pub names: Vec<String>,
    /// One more call: how older profiles have it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// What becomes of them.
    pub action: Action,
    /// The error number where that is [`Action::Errno`]; EPERM if none is given.
    pub errno_ret: Option<u16>,
    /// Conditions on the arguments, all of which must be met.
    #[serde(default, deserialize_with = "list")]
    pub args: Vec<Argument>,
    /// The rule applies only where all of this is so.
    #[serde(default, deserialize_with = "value")]
    pub includes: Scope,
    /// The rule does not apply where any of this is so.
    #[serde(default, deserialize_with = "value")]
    pub excludes: Scope,
    /// For who reads the profile.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
}

/// Facts of a container and its machine.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Scope {
    /// Capabilities the container has.
    #[serde(default, deserialize_with = "list")]
    pub caps: Vec<String>,
    /// Architectures of the machine, as Go calls them.
    #[serde(default, deserialize_with = "list")]
    pub arches: Vec<String>,
    /// The oldest version of the kernel, such as 4.8.
    #[serde(default)]
    pub min_kernel: Option<String>,
}

/// A condition on one argument.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Argument {
    /// Which argument, from 0 to 5.
    pub index: u32,
    /// What it is compared with; the mask, for [`Operator::MaskedEqual`].
    pub value: u64,
    /// What the masked argument is compared with.
    #[serde(default)]
    pub value_two: u64,
    /// How.
    pub op: Operator,
}

/// What becomes of a call (seccomp(2), SECCOMP_RET_…).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Action {
    /// It is made.
    #[serde(rename = "SCMP_ACT_ALLOW")]
    Allow,
    /// It is made, and the kernel tells in its log.
    #[serde(rename = "SCMP_ACT_LOG")]
    Log,
    /// It fails.
    #[serde(rename = "SCMP_ACT_ERRNO")]
    Errno,
    /// The process gets SIGSYS.
    #[serde(rename = "SCMP_ACT_TRAP")]
    Trap,
    /// A tracer decides; without one it fails with ENOSYS.
    #[serde(rename = "SCMP_ACT_TRACE")]
    Trace,
    /// The thread ends.
    #[serde(rename = "SCMP_ACT_KILL", alias = "SCMP_ACT_KILL_THREAD")]
    KillThread,
    /// The process ends.
    #[serde(rename = "SCMP_ACT_KILL_PROCESS")]
    KillProcess,
}

/// How an argument is compared; numbers have no sign.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Operator {
    /// It is equal.
    #[serde(rename = "SCMP_CMP_EQ")]
    Equal,
    /// It is not equal.
    #[serde(rename = "SCMP_CMP_NE")]
    NotEqual,
    /// It is less.
    #[serde(rename = "SCMP_CMP_LT")]
    Less,
    /// It is less or equal.
    #[serde(rename = "SCMP_CMP_LE")]
    LessOrEqual,
    /// It is greater or equal.
    #[serde(rename = "SCMP_CMP_GE")]
    GreaterOrEqual,
    /// It is greater.
    #[serde(rename = "SCMP_CMP_GT")]
    Greater,
    /// Some of its bits are equal.
    #[serde(rename = "SCMP_CMP_MASKED_EQ")]
    MaskedEqual,
}

/// A list, or `null` for an empty one.
fn list<'de, D: Deserializer<'de>, T: Deserialize<'de>>(from: D) -> Result<Vec<T>, D::Error> {
    Ok(Option::deserialize(from)?.unwrap_or_default())
}

/// A value, or `null` for the one that says nothing.
fn value<'de, D: Deserializer<'de>, T: Deserialize<'de> + Default>(from: D) -> Result<T, D::Error> {
    Ok(Option::deserialize(from)?.unwrap_or_default())
}
