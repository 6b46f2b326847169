//! How a container's output is kept (`--log-driver`, `--log-opt`), with Docker's options and refusals.

mod options;

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;

use bollard_stubs::models::HostConfig;
use rnet_runtime_glue::log::LogSettings;

use crate::container::Container;
use crate::daemon::Daemon;
use crate::error::{Error, Result};
pub use options::check;
use options::{Kept, attributes};

/// How the output of containers is kept that say nothing of it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LogDefaults {
    /// `json-file`, `local` or `none`.
    pub driver: String,
    /// The options of containers with this driver that do not give them themselves.
    pub options: BTreeMap<String, String>,
}

impl Default for LogDefaults {
    fn default() -> Self {
        Self {
            driver: "json-file".to_owned(),
            options: BTreeMap::new(),
        }
    }
}

/// Fills in what a container says nothing of, and refuses what cannot be (moby, daemon/logs.go
/// `mergeAndVerifyLogConfig`).
pub(super) fn settle(host: &mut HostConfig, defaults: &LogDefaults) -> Result<()> {
    let log = host.log_config.get_or_insert_default();
    let driver = log.typ.take().filter(|driver| !driver.is_empty());
    let driver = driver.unwrap_or_else(|| defaults.driver.clone());
    let options = log.config.get_or_insert_default();
    if driver == defaults.driver {
        for (key, value) in &defaults.options {
            options.entry(key.clone()).or_insert_with(|| value.clone());
        }
    }
    check(&driver, options)?;
    log.typ = Some(driver);
    Ok(())
}

impl Daemon {
    /// Where a container's output is kept; none where it is not.
    pub fn log_path(&self, container: &Container) -> Option<PathBuf> {
        let directory = self.container_dir(container.id);
        match driver(container) {
            "none" => None,
            "local" => Some(directory.join("local-logs/container.log")),
            _ => Some(directory.join(format!("{}-json.log", container.id))),
        }
    }

    /// The same of a log that somebody wants to read.
    pub fn readable_log(&self, container: &Container) -> Result<PathBuf> {
        self.log_path(container).ok_or_else(|| {
            let none = "configured logging driver does not support reading";
            Error::Unsupported(none.to_owned())
        })
    }

    /// What the monitor is told of it; the directory is made.
    pub(super) fn log_settings(&self, container: &Container) -> Result<Option<LogSettings>> {
        let Some(path) = self.log_path(container) else {
            return Ok(None);
        };
        if let Some(directory) = path.parent() {
            std::fs::create_dir_all(directory).map_err(|source| Error::File {
                path: directory.to_owned(),
                source,
            })?;
        }
        let given = given(container);
        let kept = Kept::of(driver(container), &given)?;
        Ok(Some(LogSettings {
            path,
            max_size: kept.max_size,
            max_files: kept.max_files,
            compress: kept.compress,
            attributes: attributes(container, &given)?,
        }))
    }
}

fn driver(container: &Container) -> &str {
    let log = container.host_config.log_config.as_ref();
    log.and_then(|log| log.typ.as_deref()).unwrap_or_default()
}

fn given(container: &Container) -> HashMap<String, String> {
    let log = container.host_config.log_config.as_ref();
    log.and_then(|log| log.config.clone()).unwrap_or_default()
}
