//! The process of a configuration (config.md, Process): of a container, or added by `exec`.

use serde::Deserialize;

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
pub(in crate::oci) struct Process {
    pub(in crate::oci) terminal: bool,
    pub(in crate::oci) console_size: Option<ConsoleSize>,
    pub(in crate::oci) user: User,
    pub(in crate::oci) args: Vec<String>,
    pub(in crate::oci) env: Vec<String>,
    pub(in crate::oci) cwd: String,
    pub(in crate::oci) capabilities: Option<CapabilitySets>,
    pub(in crate::oci) rlimits: Vec<Rlimit>,
    pub(in crate::oci) no_new_privileges: bool,
    pub(in crate::oci) apparmor_profile: Option<String>,
    pub(in crate::oci) oom_score_adj: Option<i32>,
    pub(in crate::oci) selinux_label: Option<String>,
    pub(in crate::oci) io_priority: Option<IoPriority>,
    pub(in crate::oci) scheduler: Option<Scheduler>,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::oci) struct ConsoleSize {
    pub(in crate::oci) height: u16,
    pub(in crate::oci) width: u16,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
pub(in crate::oci) struct User {
    pub(in crate::oci) uid: u32,
    pub(in crate::oci) gid: u32,
    pub(in crate::oci) umask: Option<u32>,
    pub(in crate::oci) additional_gids: Vec<u32>,
    /// For other platforms; Docker and containerd leave it here as a note of who was asked for.
    #[allow(dead_code, reason = "read to be known, and without a meaning on Linux")]
    username: Option<String>,
}

/// The sets of capabilities(7), as names.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(in crate::oci) struct CapabilitySets {
    pub(in crate::oci) bounding: Vec<String>,
    pub(in crate::oci) effective: Vec<String>,
    pub(in crate::oci) inheritable: Vec<String>,
    pub(in crate::oci) permitted: Vec<String>,
    pub(in crate::oci) ambient: Vec<String>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::oci) struct Rlimit {
    #[serde(rename = "type")]
    pub(in crate::oci) kind: String,
    pub(in crate::oci) soft: u64,
    pub(in crate::oci) hard: u64,
}

/// ioprio_set(2).
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::oci) struct IoPriority {
    pub(in crate::oci) class: String,
    #[serde(default)]
    pub(in crate::oci) priority: u32,
}

/// sched_setattr(2).
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::oci) struct Scheduler {
    pub(in crate::oci) policy: String,
    #[serde(default)]
    pub(in crate::oci) nice: i32,
    #[serde(default)]
    pub(in crate::oci) priority: u32,
    #[serde(default)]
    pub(in crate::oci) flags: Vec<String>,
    #[serde(default)]
    pub(in crate::oci) runtime: u64,
    #[serde(default)]
    pub(in crate::oci) deadline: u64,
    #[serde(default)]
    pub(in crate::oci) period: u64,
}
