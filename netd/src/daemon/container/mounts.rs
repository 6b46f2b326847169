//! What is mounted over the root file system of a container.

use bollard_stubs::models::HostConfig;
use rnet_runtime_glue::defaults;
use rnet_runtime_glue::spec::{Mount, MountSource};

use super::create::paths;
use super::donors::network_owner;
use super::namespaces::Mode;
use crate::container::{Container, NetworkMode};
use crate::daemon::Daemon;
use crate::error::{Error, Result};

/// The files of the daemon that every container sees in its /etc.
const FILES: [&str; 3] = ["resolv.conf", "hosts", "hostname"];

impl Daemon {
    /// What is mounted over the root file system of a container.
    pub(super) fn mounts(&self, container: &Container) -> Result<Vec<Mount>> {
        let mut mounts = defaults::mounts();
        usual(&mut mounts, &container.host_config);
        let (owner, on_host) = self.read(|state| {
            let owner = network_owner(state, container);
            (owner.id, owner.network_mode == NetworkMode::Host)
        });
        let own = FILES.map(|name| Mount {
            target: format!("/etc/{name}"),
            source: MountSource::Bind(self.container_file(owner, name)),
            readonly: false,
        });
        // in host mode the host's name is the container's
        let own = own
            .into_iter()
            .filter(|mount| !on_host || mount.target != "/etc/hostname");
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

/// Fits the mounts that every container has to what is asked for.
fn usual(mounts: &mut Vec<Mount>, host: &HostConfig) {
    let privileged = host.privileged.unwrap_or(false);
    let shm = host.shm_size.and_then(|bytes| u64::try_from(bytes).ok());
    if host.ipc_mode.as_deref() == Some("none") {
        mounts.retain(|mount| mount.target != "/dev/shm");
    }
    let ipc_of_host = Mode::of(&host.ipc_mode) == Mode::Host;
    for mount in mounts {
        match &mut mount.source {
            _ if ipc_of_host && mount.target == "/dev/shm" => {
                mount.source = MountSource::Bind(mount.target.clone().into());
            }
            MountSource::Kernel | MountSource::Cgroups => mount.readonly = !privileged,
            MountSource::Tmpfs { size, .. } if mount.target == "/dev/shm" => {
                *size = shm.filter(|bytes| *bytes != 0).or(*size);
            }
            _ => {}
        }
    }
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
