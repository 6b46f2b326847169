//! Devices of the host that a container has.

use std::path::PathBuf;

use bollard_stubs::models::HostConfig;
use rnet_runtime_glue::spec::{Access, DeviceFile, DeviceRule, Devices};

use crate::error::{Error, Result};

/// What `--device`, `--device-cgroup-rule` and `--privileged` ask for.
pub(super) fn devices(host: &HostConfig) -> Result<Devices> {
    let invalid = |error: &dyn std::error::Error| Error::invalid(error.to_string());
    let mut files = Vec::new();
    for device in host.devices.iter().flatten() {
        let given = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
        let source = given(&device.path_on_host).unwrap_or_default();
        let target = given(&device.path_in_container).unwrap_or_else(|| source.clone());
        let access = given(&device.cgroup_permissions).map(|text| text.parse());
        for path in [&source, &target] {
            if !path.starts_with('/') {
                return Err(Error::invalid(format!(
                    "invalid device {path:?}: an absolute path is expected"
                )));
            }
        }
        files.push(DeviceFile {
            source: PathBuf::from(source),
            target,
            access: access
                .transpose()
                .map_err(|error| invalid(&error))?
                .unwrap_or(Access::ALL),
        });
    }
    let rules = host.device_cgroup_rules.iter().flatten();
    let rules = rules.map(|text| text.parse::<DeviceRule>().map_err(|error| invalid(&error)));
    Ok(Devices {
        files,
        rules: rules.collect::<Result<_>>()?,
        all: host.privileged.unwrap_or(false),
    })
}
