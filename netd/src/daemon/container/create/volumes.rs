//! Which volumes a new container sees, and where: named ones are created when they are first asked for.

use std::collections::BTreeMap;

use bollard_stubs::models::{ContainerConfig, HostConfig, Mount, MountType};
use rnet_runtime_glue::image::Image;

use crate::daemon::{Daemon, lookup};
use crate::error::{Error, Result};
use crate::state::State;
use crate::volume::VolumeMount;

/// A volume someone asks for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct VolumeRequest {
    /// Its name; none asks for one of the container's own.
    name: Option<String>,
    /// The absolute path in the container.
    target: String,
    readonly: bool,
    /// Whether an empty volume is filled with what the image has there.
    fill: bool,
    labels: BTreeMap<String, String>,
}

/// Takes the volumes out of a request's mounts, binds, other containers and paths; what is left is for
/// [`super::config::settle_mounts`].
pub(super) fn requests(
    state: &State,
    config: &ContainerConfig,
    host: &mut HostConfig,
) -> Result<Vec<VolumeRequest>> {
    let mut requests = Vec::new();
    let (volumes, others) = host
        .mounts
        .take()
        .into_iter()
        .flatten()
        .partition::<Vec<_>, _>(|mount| mount.typ == Some(MountType::VOLUME));
    host.mounts = (!others.is_empty()).then_some(others);
    for mount in volumes {
        requests.push(of_mount(mount)?);
    }
    for bind in host.binds.iter().flatten() {
        requests.extend(of_bind(bind)?);
    }
    share(state, host, &mut requests)?;
    let taken = |requests: &[VolumeRequest], host: &HostConfig, path: &str| {
        requests.iter().any(|it| it.target == path) || super::unsupported::is_mounted(host, path)
    };
    for path in config.volumes.iter().flatten() {
        if !taken(&requests, host, path) {
            requests.push(VolumeRequest::unnamed(path));
        }
    }
    match requests
        .iter()
        .find(|it| !it.target.starts_with('/') || it.target == "/")
    {
        Some(wrong) => Err(Error::invalid(format!(
            "invalid mount path: '{}' mount path must be absolute, and not the root",
            wrong.target
        ))),
        None => Ok(requests),
    }
}

impl Daemon {
    /// Creates the volumes that are missing, fills those that are empty, and says where the container sees each.
    pub(super) fn settle_volumes(
        &self,
        requests: Vec<VolumeRequest>,
        image: &Image,
    ) -> Result<Vec<VolumeMount>> {
        let settle = |request: VolumeRequest| {
            let volume = self.create_volume(request.name.as_deref(), request.labels)?;
            if request.fill {
                self.fill_volume(&volume.name, image, &request.target)?;
            }
            Ok(VolumeMount {
                volume: volume.name,
                target: request.target,
                readonly: request.readonly,
            })
        };
        requests.into_iter().map(settle).collect()
    }
}

impl VolumeRequest {
    fn unnamed(target: &str) -> Self {
        Self {
            name: None,
            target: target.to_owned(),
            readonly: false,
            fill: true,
            labels: BTreeMap::new(),
        }
    }
}

fn of_mount(mount: Mount) -> Result<VolumeRequest> {
    let target = mount.target.unwrap_or_default();
    let options = mount.volume_options.unwrap_or_default();
    let driver = options.driver_config.unwrap_or_default();
    let foreign = driver
        .name
        .is_some_and(|name| !matches!(name.as_str(), "" | "local"));
    let configured = driver.options.is_some_and(|options| !options.is_empty());
    if foreign || configured || options.subpath.is_some_and(|path| !path.is_empty()) {
        return Err(Error::Unsupported(format!(
            "volume drivers, their options and subpaths are not supported by rnet yet: leave them out of the mount for {target}"
        )));
    }
    Ok(VolumeRequest {
        name: mount.source.filter(|name| !name.is_empty()),
        target,
        readonly: mount.read_only.unwrap_or(false),
        fill: !options.no_copy.unwrap_or(false),
        labels: options.labels.unwrap_or_default().into_iter().collect(),
    })
}

/// `NAME:/PATH[:OPTIONS]`; none where the source is a path of the host.
fn of_bind(text: &str) -> Result<Option<VolumeRequest>> {
    let (source, rest) = text.split_once(':').unwrap_or(("", text));
    if source.starts_with('/') {
        return Ok(None);
    }
    let (target, options) = rest.split_once(':').unwrap_or((rest, ""));
    let mut request = VolumeRequest {
        name: (!source.is_empty()).then(|| source.to_owned()),
        ..VolumeRequest::unnamed(target)
    };
    for option in options.split(',') {
        match option {
            "ro" => request.readonly = true,
            "nocopy" => request.fill = false,
            "rw" | "z" | "Z" | "" => {}
            _ => {
                return Err(Error::invalid(format!(
                    "invalid volume specification: '{text}': ro, rw or nocopy is expected as the mode"
                )));
            }
        }
    }
    Ok(Some(request))
}

/// `--volumes-from CONTAINER[:ro]`: what the other container sees, at the same places.
fn share(state: &State, host: &mut HostConfig, requests: &mut Vec<VolumeRequest>) -> Result<()> {
    for from in host.volumes_from.clone().into_iter().flatten() {
        let (name, mode) = from.split_once(':').unwrap_or((&from, "rw"));
        let readonly = match mode {
            "ro" => true,
            "rw" => false,
            _ => {
                return Err(Error::invalid(format!(
                    "invalid mode for volumes-from: {mode}"
                )));
            }
        };
        let other = lookup::container(state, name)?;
        requests.extend(other.volumes.iter().map(|mount| VolumeRequest {
            name: Some(mount.volume.clone()),
            readonly: readonly || mount.readonly,
            fill: false,
            ..VolumeRequest::unnamed(&mount.target)
        }));
        let binds = other.host_config.unpack().binds;
        let binds = binds.iter().flatten();
        let shared = binds
            .filter(|bind| bind.starts_with('/'))
            .map(|bind| match readonly {
                true => format!(
                    "{}:ro",
                    bind.trim_end_matches(":ro").trim_end_matches(":rw")
                ),
                false => bind.clone(),
            });
        host.binds.get_or_insert_default().extend(shared);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(config: &str, host: &str) -> Result<Vec<VolumeRequest>> {
        let config = serde_json::from_str(config).unwrap();
        let mut host = serde_json::from_str(host).unwrap();
        requests(&State::default(), &config, &mut host)
    }

    #[test]
    fn volumes_are_asked_for_in_each_of_the_ways_there_are() {
        let found = asked(
            r#"{"Volumes":{"/var/lib":{},"/srv":{}}}"#,
            r#"{"Binds":["data:/data:ro","/srv:/srv"],
                "Mounts":[{"Type":"volume","Source":"more","Target":"/more","VolumeOptions":{"NoCopy":true}}]}"#,
        )
        .unwrap();
        let seen: Vec<_> = found
            .iter()
            .map(|it| (it.name.as_deref(), it.target.as_str(), it.readonly, it.fill))
            .collect();
        let expected = [
            (Some("more"), "/more", false, false),
            (Some("data"), "/data", true, true),
            (None, "/var/lib", false, true),
        ];
        assert_eq!(seen, expected);
    }

    #[test]
    fn what_cannot_be_mounted_is_refused() {
        for host in [
            r#"{"Binds":["data:relative"]}"#,
            r#"{"Binds":["data:/"]}"#,
            r#"{"Binds":["data:/data:exec"]}"#,
            r#"{"VolumesFrom":["nobody"]}"#,
            r#"{"Mounts":[{"Type":"volume","Target":"/x","VolumeOptions":{"Subpath":"a"}}]}"#,
        ] {
            assert!(asked("{}", host).is_err(), "{host}");
        }
    }
}
