//! `config.json` as the OCI runtime specification has it, versions 1.0 to 1.2, for Linux.
//!
//! The specification wants properties that a runtime does not know to be passed over. This one refuses them by name:
//! whoever wrote one meant something by it, and it may have been a protection.

mod linux;
mod process;
mod resources;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::RuntimeError;
use crate::idmap::IdMap;
pub(super) use linux::{ClockOffset, Linux, NamespaceKind};
pub(super) use process::{ConsoleSize, Process, Rlimit};
pub(super) use resources::{BlockIo, DeviceRule, Resources, ThrottleDevice};

/// The largest `config.json` that is read, in bytes.
const LARGEST: u64 = 16 << 20;

/// What a container is to be (config.md).
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct Config {
    pub(super) oci_version: String,
    pub(super) root: Option<Root>,
    #[serde(default)]
    pub(super) mounts: Vec<Mount>,
    pub(super) process: Option<Process>,
    pub(super) hostname: Option<String>,
    pub(super) domainname: Option<String>,
    #[serde(default)]
    pub(super) linux: Linux,
    #[serde(default)]
    pub(super) hooks: Hooks,
    #[serde(default)]
    pub(super) annotations: BTreeMap<String, String>,
}

/// The root file system.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Root {
    pub(super) path: PathBuf,
    #[serde(default)]
    pub(super) readonly: bool,
}

/// A mount over it.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct Mount {
    pub(super) destination: String,
    pub(super) source: Option<PathBuf>,
    #[serde(rename = "type")]
    pub(super) kind: Option<String>,
    #[serde(default)]
    pub(super) options: Vec<String>,
    #[serde(default)]
    pub(super) uid_mappings: Vec<IdMap>,
    #[serde(default)]
    pub(super) gid_mappings: Vec<IdMap>,
}

/// Programs that are run along the way.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
pub(super) struct Hooks {
    pub(super) prestart: Vec<Hook>,
    pub(super) create_runtime: Vec<Hook>,
    pub(super) create_container: Vec<Hook>,
    pub(super) start_container: Vec<Hook>,
    pub(super) poststart: Vec<Hook>,
    pub(super) poststop: Vec<Hook>,
}

/// One of them.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Hook {
    pub(super) path: PathBuf,
    #[serde(default)]
    pub(super) args: Vec<String>,
    #[serde(default)]
    pub(super) env: Vec<String>,
    /// In seconds.
    pub(super) timeout: Option<i64>,
}

impl Config {
    /// The text and the meaning of the configuration in a bundle; checked as far as that needs no look at the machine.
    pub(super) fn read(bundle: &Path) -> Result<(String, Self), RuntimeError> {
        use std::io::Read;
        let path = bundle.join("config.json");
        let mut text = String::new();
        std::fs::File::open(&path)
            .and_then(|file| file.take(LARGEST).read_to_string(&mut text))
            .map_err(RuntimeError::file("read", &path))?;
        let config = Self::parse(&text).map_err(|source| RuntimeError::Parse { path, source })?;
        super::check::config(&config)?;
        Ok((text, config))
    }

    pub(super) fn parse(text: &str) -> serde_json::Result<Self> {
        serde_json::from_str(text)
    }

    /// Whether the container has a namespace of its own of that kind, new or pinned.
    pub(super) fn has(&self, kind: NamespaceKind) -> bool {
        self.linux.namespaces.iter().any(|it| it.kind == kind)
    }

    /// Whether it gets a new one.
    pub(super) fn has_new(&self, kind: NamespaceKind) -> bool {
        let mut all = self.linux.namespaces.iter();
        all.any(|it| it.kind == kind && it.path.is_none())
    }

    /// Its root directory on the host.
    pub(super) fn rootfs(&self, bundle: &Path) -> PathBuf {
        let path = self.root.as_ref().map(|root| bundle.join(&root.path));
        path.unwrap_or_else(|| bundle.to_owned())
    }
}
