//! Variables of the kernel that a container asks for: its sandbox has those of the network from the beginning.

use std::collections::BTreeMap;

use bollard_stubs::models::{ContainerConfig, HostConfig};
use rnet_model::{Object, Resource, SandboxId};

use super::create::is_host;
use crate::error::{Error, Result};

/// Variables of the IPC namespace (kernel: ipc/ipc_sysctl.c and ipc/mq_sysctl.c), and one of the UTS namespace.
const OWN: [&str; 9] = [
    "kernel.domainname",
    "kernel.msgmax",
    "kernel.msgmnb",
    "kernel.msgmni",
    "kernel.sem",
    "kernel.shm_rmid_forced",
    "kernel.shmall",
    "kernel.shmmax",
    "kernel.shmmni",
];

/// Refuses to set the host's own.
pub(super) fn check(host: &HostConfig) -> Result<()> {
    let names = || host.sysctls.iter().flatten().map(|(name, _)| name);
    if let Some(name) = names()
        .filter(|name| !is_of_network(name) && !is_own(name))
        .min()
    {
        return Err(Error::invalid(format!(
            "sysctl {name:?} is not in a separate kernel namespace: it would be the host's, too"
        )));
    }
    match names().filter(|name| is_of_network(name)).min() {
        Some(name) if is_host(host) => Err(Error::invalid(format!(
            "sysctl {name:?} not allowed in host network namespace"
        ))),
        _ => Ok(()),
    }
}

/// Those that the container's own namespaces have, not its sandbox.
pub(super) fn own(config: &ContainerConfig, host: &HostConfig) -> BTreeMap<String, String> {
    let domain = config.domainname.iter().filter(|domain| !domain.is_empty());
    let domain = domain.map(|domain| ("kernel.domainname".to_owned(), domain.clone()));
    let asked = host.sysctls.clone().unwrap_or_default().into_iter();
    domain
        .chain(asked.filter(|(name, _)| is_own(name)))
        .collect()
}

fn is_of_network(name: &str) -> bool {
    name.starts_with("net.")
}

fn is_own(name: &str) -> bool {
    let clean = !name.contains('/') && !name.split('.').any(str::is_empty);
    OWN.contains(&name) || (name.starts_with("fs.mqueue.") && clean)
}

/// What a sandbox of this container has, in the order of the names.
pub(super) fn resources(host: &HostConfig, sandbox: SandboxId) -> Vec<Resource> {
    let asked = host.sysctls.iter().flatten();
    let mut sysctls: Vec<_> = asked.filter(|(name, _)| is_of_network(name)).collect();
    sysctls.sort();
    let objects = sysctls.into_iter().map(|(name, value)| Object::Sysctl {
        key: name.replace('.', "/"),
        value: value.clone(),
    });
    objects
        .map(|object| Resource::sandbox(sandbox, object))
        .collect()
}
