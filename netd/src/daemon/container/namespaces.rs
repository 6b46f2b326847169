//! Namespaces that a container shares with the host.

use bollard_stubs::models::{ContainerConfig, HostConfig};
use rnet_runtime_glue::spec::Shared;

use crate::error::{Error, Result};

/// What `--pid host`, `--ipc host` and `--uts host` ask for.
pub(super) fn shared(host: &HostConfig) -> Shared {
    let is_host = |mode: &Option<String>| mode.as_deref() == Some("host");
    Shared {
        pid: is_host(&host.pid_mode),
        ipc: is_host(&host.ipc_mode),
        uts: is_host(&host.uts_mode),
    }
}

/// Refuses what would change the host's.
pub(super) fn check(config: &ContainerConfig, host: &HostConfig) -> Result<()> {
    let shared = shared(host);
    let named = config
        .hostname
        .as_ref()
        .is_some_and(|name| !name.is_empty());
    if shared.uts && named {
        return Err(Error::invalid(
            "conflicting options: hostname and the UTS mode",
        ));
    }
    let mut names = host.sysctls.iter().flatten().map(|(name, _)| name.as_str());
    let changed = names.find(|name| match *name {
        "kernel.domainname" => shared.uts,
        name => shared.ipc && !name.starts_with("net."),
    });
    match changed {
        Some(name) => Err(Error::invalid(format!(
            "sysctl {name:?} not allowed: the container shares the namespace that has it with the host"
        ))),
        None => Ok(()),
    }
}
