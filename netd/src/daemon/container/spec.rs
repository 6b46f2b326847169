//! What the bundled runtime is told of a container.

use std::path::PathBuf;

use rnet_runtime_glue::spec::{Mount, MountSource, Network, Process, Rootfs, Spec};
use rnet_runtime_glue::{Capabilities, defaults};

use super::create::paths;
use super::limits::limits;
use super::stop::parse_signal;
use crate::container::{Container, NetworkMode};
use crate::daemon::Daemon;
use crate::error::{Error, Result};

/// The files of the daemon that every container sees in its /etc.
const FILES: [&str; 3] = ["resolv.conf", "hosts", "hostname"];

impl Daemon {
    /// The specification of a container whose files are written and whose sandbox exists.
    pub(super) fn spec(&self, container: &Container) -> Result<Spec> {
        let (config, host) = (&container.config, &container.host_config);
        let stop_signal = config
            .stop_signal
            .as_deref()
            .map(parse_signal)
            .transpose()?;
        Ok(Spec {
            process: process(container),
            open_stdin: config.open_stdin.unwrap_or(false),
            stdin_once: config.stdin_once.unwrap_or(false),
            hostname: config.hostname.clone().unwrap_or_default(),
            rootfs: self.rootfs(container)?,
            mounts: self.mounts(container)?,
            capabilities: capabilities(
                host.cap_add.as_deref().unwrap_or_default(),
                host.cap_drop.as_deref().unwrap_or_default(),
            )?,
            no_new_privileges: host
                .security_opt
                .iter()
                .flatten()
                .any(|option| option.starts_with("no-new-privileges")),
            masked_paths: defaults::MASKED_PATHS
                .iter()
                .map(ToString::to_string)
                .collect(),
            readonly_paths: defaults::READONLY_PATHS
                .iter()
                .map(ToString::to_string)
                .collect(),
            network: match container.run.sandbox() {
                Some(sandbox) => Network::Namespace(self.sandbox_key(sandbox)),
                None => Network::Host,
            },
            cgroup: None,
            limits: limits(host)?,
            stop_signal: stop_signal.unwrap_or(defaults::STOP_SIGNAL),
            log: Some(self.log_path(container.id)),
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

    fn rootfs(&self, container: &Container) -> Result<Rootfs> {
        let (upper, work) = (self.upper_dir(container), self.work_dir(container));
        for path in [&upper, &work] {
            std::fs::create_dir_all(path).map_err(|source| Error::File {
                path: path.clone(),
                source,
            })?;
        }
        // overlayfs wants the uppermost first
        let mut lower = self.images.layers(&self.images.find(&container.image_id)?);
        lower.reverse();
        let readonly = container.host_config.readonly_rootfs.unwrap_or(false);
        Ok(Rootfs {
            lower,
            upper,
            work,
            readonly,
        })
    }

    fn mounts(&self, container: &Container) -> Result<Vec<Mount>> {
        let mut mounts = defaults::mounts();
        let own = FILES.map(|name| Mount {
            target: format!("/etc/{name}"),
            source: MountSource::Bind(self.container_file(container.id, name)),
            readonly: false,
        });
        // in host mode the host's name is the container's
        let own = own.into_iter().filter(|mount| {
            container.network_mode != NetworkMode::Host || mount.target != "/etc/hostname"
        });
        mounts.extend(own);
        for (target, options) in container.host_config.tmpfs.iter().flatten() {
            mounts.push(tmpfs(target, options)?);
        }
        for bind in paths(&container.host_config) {
            mounts.push(parse_bind(bind)?);
        }
        let volumes = container.volumes.iter().map(|mount| Mount {
            target: mount.target.clone(),
            source: MountSource::Bind(self.volume_dir(&mount.volume)),
            readonly: mount.readonly,
        });
        mounts.extend(volumes);
        Ok(mounts)
    }
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

/// Docker's default capabilities with `add` and without `drop`; `ALL` stands for every one there is.
pub(super) fn capabilities(add: &[String], drop: &[String]) -> Result<Capabilities> {
    let available = Capabilities::available();
    let set = |names: &[String]| {
        names.iter().try_fold(Capabilities::default(), |set, name| {
            if name.eq_ignore_ascii_case("all") {
                return Ok(available);
            }
            let one =
                Capabilities::named(name).map_err(|error| Error::invalid(error.to_string()))?;
            Ok::<_, Error>(set.union(one))
        })
    };
    let (add, drop) = (set(add)?, set(drop)?);
    let missing = add.difference(available);
    if !missing.is_empty() {
        return Err(Error::invalid(format!(
            "cannot add {missing}: this host does not let netd have it"
        )));
    }
    // what is added by name stays, whatever else is dropped
    let all_dropped = drop == available;
    let base = if all_dropped {
        Capabilities::default()
    } else {
        defaults::capabilities()
    };
    let kept = base.union(add);
    Ok(if all_dropped {
        kept
    } else {
        kept.difference(drop)
    })
}

/// A `--tmpfs` entry: `/path` and its comma-separated options.
pub(super) fn tmpfs(target: &str, options: &str) -> Result<Mount> {
    let (mut size, mut mode, mut exec, mut readonly) = (None, 0o1777, false, false);
    for option in options.split(',').filter(|option| !option.is_empty()) {
        let invalid = || {
            Error::invalid(format!(
                "invalid tmpfs option {option:?} for {target}: size=BYTES, mode=OCTAL, exec, noexec, \
                 rw or ro is expected"
            ))
        };
        match option.split_once('=') {
            Some(("size", bytes)) => size = Some(bytes_of(bytes).ok_or_else(invalid)?),
            Some(("mode", octal)) => {
                mode = u32::from_str_radix(octal, 8).map_err(|_| invalid())?;
            }
            None if option == "exec" => exec = true,
            None if option == "ro" => readonly = true,
            None if ["noexec", "rw", "nosuid", "nodev"].contains(&option) => {}
            _ => return Err(invalid()),
        }
    }
    let source = MountSource::Tmpfs { size, mode, exec };
    Ok(Mount {
        target: target.to_owned(),
        source,
        readonly,
    })
}

/// A size such as `64m`.
fn bytes_of(text: &str) -> Option<u64> {
    let number = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let factor = match text[number.len()..].to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "k" | "kb" => 1 << 10,
        "m" | "mb" => 1 << 20,
        "g" | "gb" => 1 << 30,
        _ => return None,
    };
    number.parse::<u64>().ok()?.checked_mul(factor)
}

/// A `-v` entry: `/host/path:/container/path[:ro]`.
pub(super) fn parse_bind(text: &str) -> Result<Mount> {
    let invalid =
        |why: &str| Error::invalid(format!("invalid volume specification: '{text}': {why}"));
    let mut parts = text.split(':');
    let (Some(source), Some(target)) = (parts.next(), parts.next()) else {
        return Err(invalid("/HOST/PATH:/CONTAINER/PATH[:ro] is expected"));
    };
    if !source.starts_with('/') {
        return Err(invalid("the host's path must be absolute"));
    }
    if !target.starts_with('/') || target == "/" {
        return Err(invalid(
            "the container's path must be absolute, and not the root",
        ));
    }
    let mut readonly = false;
    for option in parts.flat_map(|options| options.split(',')) {
        match option {
            "ro" => readonly = true,
            "rw" | "" | "rprivate" | "private" | "z" | "Z" => {}
            _ => return Err(invalid("ro or rw is expected as the mode")),
        }
    }
    Ok(Mount {
        target: target.to_owned(),
        source: MountSource::Bind(source.into()),
        readonly,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn capabilities_are_dockers_with_those_added_and_without_those_dropped() {
        let names = |names: &[&str]| names.iter().map(ToString::to_string).collect::<Vec<_>>();
        let raw = Capabilities::named("NET_RAW").unwrap();
        let dropped = capabilities(&[], &names(&["net_raw"])).unwrap();
        assert_eq!(dropped, defaults::capabilities().difference(raw));
        assert_eq!(
            capabilities(&names(&["NET_RAW"]), &names(&["ALL"])).unwrap(),
            raw
        );
        assert!(capabilities(&names(&["NO_SUCH"]), &[]).is_err());
    }

    #[test]
    fn a_bind_is_two_absolute_paths_and_a_mode() {
        let bind = parse_bind("/a:/b:ro").unwrap();
        assert_eq!((bind.target.as_str(), bind.readonly), ("/b", true));
        for text in ["/a", "a:/b", "/a:b", "/a:/", "/a:/b:wx"] {
            assert!(parse_bind(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_size_is_a_number_with_a_unit() {
        assert_eq!(bytes_of("64m"), Some(64 << 20));
        assert_eq!(bytes_of("512"), Some(512));
        assert_eq!(bytes_of("m"), None);
        assert_eq!(bytes_of("99999999999g"), None);
    }
}
