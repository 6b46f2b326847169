//! Variables of the kernel that a container asks for, those of its network: its sandbox has them from the beginning.

use bollard_stubs::models::HostConfig;
use rnet_model::{Object, Resource, SandboxId};

use super::create::is_host;
use crate::error::{Error, Result};

/// Refuses to set the host's own.
pub(super) fn check(host: &HostConfig) -> Result<()> {
    match host.sysctls.iter().flatten().map(|(name, _)| name).min() {
        Some(name) if is_host(host) => Err(Error::invalid(format!(
            "sysctl {name:?} not allowed in host network namespace"
        ))),
        _ => Ok(()),
    }
}

/// What a sandbox of this container has, in the order of the names.
pub(super) fn resources(host: &HostConfig, sandbox: SandboxId) -> Vec<Resource> {
    let mut sysctls: Vec<_> = host.sysctls.iter().flatten().collect();
    sysctls.sort();
    let objects = sysctls.into_iter().map(|(name, value)| Object::Sysctl {
        key: name.replace('.', "/"),
        value: value.clone(),
    });
    objects
        .map(|object| Resource::sandbox(sandbox, object))
        .collect()
}
