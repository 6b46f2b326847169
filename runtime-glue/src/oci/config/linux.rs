//! What a configuration says that only Linux knows (config-linux.md).

use std::collections::BTreeMap;
use std::path::PathBuf;

use rustix::thread::LinkNameSpaceType;
use serde::Deserialize;

use super::Resources;
use crate::idmap::IdMap;
use crate::seccomp::Profile;

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
pub(in crate::oci) struct Linux {
    pub(in crate::oci) namespaces: Vec<Namespace>,
    pub(in crate::oci) uid_mappings: Vec<IdMap>,
    pub(in crate::oci) gid_mappings: Vec<IdMap>,
    pub(in crate::oci) time_offsets: BTreeMap<String, ClockOffset>,
    pub(in crate::oci) devices: Vec<Device>,
    pub(in crate::oci) cgroups_path: Option<String>,
    pub(in crate::oci) resources: Resources,
    pub(in crate::oci) rootfs_propagation: Option<String>,
    pub(in crate::oci) seccomp: Option<Profile>,
    pub(in crate::oci) sysctl: BTreeMap<String, String>,
    pub(in crate::oci) masked_paths: Vec<String>,
    pub(in crate::oci) readonly_paths: Vec<String>,
    pub(in crate::oci) mount_label: Option<String>,
    pub(in crate::oci) personality: Option<Personality>,
    /// Known, so that it can be refused.
    pub(in crate::oci) intel_rdt: Option<serde_json::Value>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::oci) struct Namespace {
    #[serde(rename = "type")]
    pub(in crate::oci) kind: NamespaceKind,
    pub(in crate::oci) path: Option<PathBuf>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(in crate::oci) enum NamespaceKind {
    Pid,
    Network,
    Mount,
    Ipc,
    Uts,
    User,
    Cgroup,
    Time,
}

impl NamespaceKind {
    /// The flag that makes one.
    pub(in crate::oci) const fn flag(self) -> i32 {
        match self {
            Self::Pid => libc::CLONE_NEWPID,
            Self::Network => libc::CLONE_NEWNET,
            Self::Mount => libc::CLONE_NEWNS,
            Self::Ipc => libc::CLONE_NEWIPC,
            Self::Uts => libc::CLONE_NEWUTS,
            Self::User => libc::CLONE_NEWUSER,
            Self::Cgroup => libc::CLONE_NEWCGROUP,
            Self::Time => 0x80,
        }
    }

    /// How a pinned one is told.
    pub(in crate::oci) const fn link(self) -> LinkNameSpaceType {
        match self {
            Self::Pid => LinkNameSpaceType::ProcessID,
            Self::Network => LinkNameSpaceType::Network,
            Self::Mount => LinkNameSpaceType::Mount,
            Self::Ipc => LinkNameSpaceType::InterProcessCommunication,
            Self::Uts => LinkNameSpaceType::HostNameAndNISDomainName,
            Self::User => LinkNameSpaceType::User,
            Self::Cgroup => LinkNameSpaceType::ControlGroup,
            Self::Time => LinkNameSpaceType::Time,
        }
    }
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::oci) struct ClockOffset {
    #[serde(default)]
    pub(in crate::oci) secs: i64,
    #[serde(default)]
    pub(in crate::oci) nanosecs: u32,
}

/// A device file to be made.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(in crate::oci) struct Device {
    #[serde(rename = "type")]
    pub(in crate::oci) kind: String,
    pub(in crate::oci) path: String,
    #[serde(default)]
    pub(in crate::oci) major: u32,
    #[serde(default)]
    pub(in crate::oci) minor: u32,
    pub(in crate::oci) file_mode: Option<u32>,
    pub(in crate::oci) uid: Option<u32>,
    pub(in crate::oci) gid: Option<u32>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::oci) struct Personality {
    pub(in crate::oci) domain: String,
    #[serde(default)]
    pub(in crate::oci) flags: Vec<String>,
}
