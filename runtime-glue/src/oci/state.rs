//! What is kept of a container between two calls of the command: one record, in a directory of its own.

use std::fs::{self, DirBuilder};
use std::io::ErrorKind;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::config::Config;
use super::door;
use crate::RuntimeError;
use crate::cgroup::Cgroup;
use crate::record::{self, ProcessId};

/// The containers below one directory.
#[derive(Clone, Debug)]
pub(super) struct Store {
    root: PathBuf,
}

/// A container as it is on record.
pub(super) struct Container {
    pub(super) directory: PathBuf,
    pub(super) record: Record,
    pub(super) config: Config,
}

/// What is written down.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Record {
    pub(super) id: String,
    pub(super) bundle: PathBuf,
    /// The text of its `config.json` when it was created.
    pub(super) config: String,
    /// Relative to the root of each hierarchy.
    pub(super) cgroup: String,
    pub(super) created: Timestamp,
    /// Its first process, once there is one.
    pub(super) init: Option<ProcessId>,
}

/// Where a container is in its life (runtime.md, State).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Status {
    Creating,
    Created,
    Running,
    Paused,
    Stopped,
}

impl Store {
    pub(super) fn new(root: PathBuf) -> Self {
        Self { root }
    }

    /// Writes down a container that is to be; nobody else can have its name then.
    pub(super) fn add(&self, record: Record, config: Config) -> Result<Container, RuntimeError> {
        check_id(&record.id)?;
        let mut private = DirBuilder::new();
        private.mode(0o711).recursive(true);
        private
            .create(&self.root)
            .map_err(RuntimeError::file("make", &self.root))?;
        let directory = self.root.join(&record.id);
        match DirBuilder::new().mode(0o700).create(&directory) {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                return Err(RuntimeError::BundleExists { id: record.id });
            }
            made => made.map_err(RuntimeError::file("make", &directory))?,
        }
        let container = Container {
            directory,
            record,
            config,
        };
        container.save().inspect_err(|_| {
            let _ = fs::remove_dir_all(&container.directory);
        })?;
        Ok(container)
    }

    /// The container of that name.
    pub(super) fn find(&self, id: &str) -> Result<Container, RuntimeError> {
        check_id(id)?;
        let directory = self.root.join(id);
        let path = directory.join(record::LIFE);
        let missing = || RuntimeError::NoBundle { id: id.to_owned() };
        let record: Record = record::read(&path)?.ok_or_else(missing)?;
        let config =
            Config::parse(&record.config).map_err(|source| RuntimeError::Parse { path, source })?;
        Ok(Container {
            directory,
            record,
            config,
        })
    }

    /// The directory of a name that has one, whatever is in it.
    pub(super) fn leftover(&self, id: &str) -> Result<Option<PathBuf>, RuntimeError> {
        check_id(id)?;
        Ok(Some(self.root.join(id)).filter(|directory| directory.is_dir()))
    }

    /// Every name that has a record.
    pub(super) fn names(&self) -> Result<Vec<String>, RuntimeError> {
        let listed = match fs::read_dir(&self.root) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            listed => listed.map_err(RuntimeError::file("list", &self.root))?,
        };
        let names = listed.flatten().map(|entry| entry.file_name());
        let mut names: Vec<_> = names
            .filter_map(|name| name.into_string().ok())
            .filter(|name| self.root.join(name).join(record::LIFE).exists())
            .collect();
        names.sort_unstable();
        Ok(names)
    }
}

impl Container {
    /// Writes the record down as it is.
    pub(super) fn save(&self) -> Result<(), RuntimeError> {
        record::write(&self.directory.join(record::LIFE), &self.record)
    }

    pub(super) fn cgroup(&self) -> Result<Cgroup, RuntimeError> {
        Cgroup::at(&self.record.cgroup)
    }

    /// Where it is in its life, as the kernel shows it.
    pub(super) fn status(&self) -> Result<Status, RuntimeError> {
        let Some(init) = self.record.init else {
            return Ok(Status::Creating);
        };
        if init.descriptor().is_none() {
            return Ok(Status::Stopped);
        }
        if self.cgroup()?.is_frozen() {
            return Ok(Status::Paused);
        }
        Ok(match door::knock(&self.directory) {
            Ok(_) => Status::Created,
            Err(_) => Status::Running,
        })
    }

    /// The number of its first process; 0 if there is none.
    pub(super) fn pid(&self, status: Status) -> u32 {
        let alive = self.record.init.filter(|_| status != Status::Stopped);
        alive.map_or(0, |init| init.pid)
    }

    /// What hooks and `state` are told of it.
    pub(super) fn state(&self, status: Status) -> Value {
        let mut state = json!({
            "ociVersion": self.config.oci_version,
            "id": self.record.id,
            "status": status,
            "pid": self.pid(status),
            "bundle": self.record.bundle,
        });
        if !self.config.annotations.is_empty() {
            state["annotations"] = json!(self.config.annotations);
        }
        state
    }

    /// What `state` and `list` tell beyond that, in the words of runc.
    pub(super) fn details(&self) -> Result<Value, RuntimeError> {
        let mut state = self.state(self.status()?);
        state["rootfs"] = json!(self.config.rootfs(&self.record.bundle));
        state["created"] = json!(self.record.created);
        let owner = fs::metadata(&self.directory).map_or(0, |facts| facts.uid());
        state["owner"] = json!(if owner == 0 {
            "root".to_owned()
        } else {
            owner.to_string()
        });
        Ok(state)
    }
}

fn check_id(id: &str) -> Result<(), RuntimeError> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "_+-.".contains(c);
    if id.is_empty() || matches!(id, "." | "..") || !id.chars().all(allowed) || id.len() > 255 {
        let reason = format!("{id:?} is no id of a container: use letters, digits and _+-.");
        return Err(RuntimeError::InvalidSpec { reason });
    }
    Ok(())
}

/// The bundle's directory, as it is recorded.
pub(super) fn bundle(path: &Path) -> Result<PathBuf, RuntimeError> {
    fs::canonicalize(path).map_err(RuntimeError::file("find the bundle", path))
}
