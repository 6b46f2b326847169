//! What the bundled runtime is told of a container.

use std::path::PathBuf;

use rnet_runtime_glue::defaults;
use rnet_runtime_glue::spec::{Network, Process, Rootfs, Spec};

use super::donors::Donors;
use super::limits::limits;
use super::stop::parse_signal;
use super::{devices, security, sysctls, ulimits};
use crate::container::Container;
use crate::daemon::Daemon;
use crate::error::{Error, Result};

impl Daemon {
    /// The specification of a container whose files are written and whose sandbox exists.
    pub(super) fn spec(&self, container: &Container, donors: &Donors) -> Result<Spec> {
        let (config, host) = (&container.config, &container.host_config);
        let stop_signal = config
            .stop_signal
            .as_deref()
            .map(parse_signal)
            .transpose()?;
        let options = security::options(host)?;
        let mut mounts = self.mounts(container)?;
        donors.share_memory(&mut mounts);
        Ok(Spec {
            process: process(container),
            open_stdin: config.open_stdin.unwrap_or(false),
            stdin_once: config.stdin_once.unwrap_or(false),
            init: host.init.unwrap_or(false),
            hostname: config.hostname.clone().unwrap_or_default(),
            rootfs: self.rootfs(container)?,
            mounts,
            capabilities: security::capabilities(host)?,
            no_new_privileges: options.no_new_privileges,
            seccomp: options.seccomp,
            devices: devices::devices(host)?,
            masked_paths: security::masked_paths(host),
            readonly_paths: security::readonly_paths(host),
            network: match (&donors.network, container.run.sandbox()) {
                (Some(donor), _) => Network::Namespace(donor.namespace("net")),
                (None, Some(sandbox)) => Network::Namespace(self.sandbox_key(sandbox)),
                (None, None) => Network::Host,
            },
            namespaces: donors.namespaces(container),
            cgroup: cgroup(container),
            limits: limits(host)?,
            rlimits: ulimits::ulimits(host)?,
            oom_score_adj: host
                .oom_score_adj
                .filter(|score| *score != 0)
                .and_then(|score| i32::try_from(score).ok()),
            sysctls: sysctls::own(config, host),
            stop_signal: stop_signal.unwrap_or(defaults::STOP_SIGNAL),
            log: self.log_settings(container)?,
        })
    }

    /// The directory that takes what a container writes.
    pub fn upper_dir(&self, container: &Container) -> PathBuf {
        self.container_dir(container.id).join("upper")
    }

    /// The directory overlayfs keeps for itself.
    pub fn work_dir(&self, container: &Container) -> PathBuf {
        self.container_dir(container.id).join("work")
    }

    /// The directories of its image's layers, the uppermost first, as overlayfs wants them.
    pub fn lower_dirs(&self, container: &Container) -> Result<Vec<PathBuf>> {
        let mut lower = self.images.layers(&self.images.find(&container.image_id)?);
        lower.reverse();
        Ok(lower)
    }

    pub(super) fn rootfs(&self, container: &Container) -> Result<Rootfs> {
        let (upper, work) = (self.upper_dir(container), self.work_dir(container));
        for path in [&upper, &work] {
            std::fs::create_dir_all(path).map_err(|source| Error::File {
                path: path.clone(),
                source,
            })?;
        }
        let lower = self.lower_dirs(container)?;
        let readonly = container.host_config.readonly_rootfs.unwrap_or(false);
        Ok(Rootfs {
            lower,
            upper,
            work,
            readonly,
        })
    }
}

/// The group below the one that `--cgroup-parent` names; none where it names none.
fn cgroup(container: &Container) -> Option<String> {
    let parent = container.host_config.cgroup_parent.as_deref();
    let parent = parent.map_or("", |parent| parent.trim_matches('/'));
    (!parent.is_empty()).then(|| format!("{parent}/{}", container.id))
}

fn process(container: &Container) -> Process {
    let config = &container.config;
    let entrypoint = config.entrypoint.clone().unwrap_or_default();
    let tty = config.tty.unwrap_or(false);
    Process {
        args: entrypoint
            .into_iter()
            .chain(config.cmd.clone().unwrap_or_default())
            .collect(),
        env: environment(container, tty),
        cwd: config
            .working_dir
            .clone()
            .filter(|path| !path.is_empty())
            .unwrap_or("/".to_owned()),
        user: config.user.clone().unwrap_or_default(),
        additional_groups: container.host_config.group_add.clone().unwrap_or_default(),
        tty,
    }
}

/// The container's environment; what it does not set itself is as Docker sets it.
pub(in crate::daemon) fn environment(container: &Container, tty: bool) -> Vec<String> {
    let own = container.config.env.clone().unwrap_or_default();
    let hostname = container.config.hostname.clone().unwrap_or_default();
    let mut defaults = vec![
        format!("PATH={}", defaults::PATH),
        format!("HOSTNAME={hostname}"),
    ];
    defaults.extend(tty.then(|| "TERM=xterm".to_owned()));
    let name = |variable: &str| variable.split('=').next().unwrap_or_default().to_owned();
    defaults.retain(|default| own.iter().all(|variable| name(variable) != name(default)));
    defaults.into_iter().chain(own).collect()
}
