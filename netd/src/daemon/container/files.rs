//! The files of a container that the daemon writes: resolv.conf, hosts, hostname; and where each is.

use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Write};
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use rnet_model::{ContainerId, Sandbox, SandboxId};

use super::donors::network_owner;
use super::links;
use crate::container::{Container, NetworkMode};
use crate::daemon::Daemon;
use crate::daemon::resolve::{forwarding, host_resolv_conf, reachable_resolv_conf};
use crate::error::{Error, Result};

/// What `--add-host NAME:host-gateway` stands for: the address of the host that containers reach.
const HOST_GATEWAY: &str = "host-gateway";

impl Daemon {
    /// Where a container's files are; made when it is created, removed with it.
    pub fn container_dir(&self, id: ContainerId) -> PathBuf {
        self.settings
            .state_dir
            .join("containers")
            .join(id.to_string())
    }

    /// A file of a container that is mounted into it: `resolv.conf`, `hosts` or `hostname`.
    pub fn container_file(&self, id: ContainerId, name: &str) -> PathBuf {
        self.container_dir(id).join(name)
    }

    /// The path under which a sandbox's network namespace is pinned.
    pub fn sandbox_key(&self, id: SandboxId) -> PathBuf {
        rnet_kernel::pin_path(&self.settings.run_dir, id)
    }

    /// The same of the container whose network it has: those are what it sees.
    pub fn network_file(&self, container: &Container, name: &str) -> PathBuf {
        let owner = self.read(|state| network_owner(state, container).id);
        self.container_file(owner, name)
    }

    /// Writes all of a container's files, for a start; one whose network is another's has that one's.
    pub(super) fn write_files(&self, container: &Container) -> Result<()> {
        if container.network_mode == NetworkMode::Container {
            return Ok(());
        }
        let hostname = container.config.hostname.as_deref().unwrap_or_default();
        let path = self.container_file(container.id, "hostname");
        write(&path, &format!("{hostname}\n"))?;
        self.write_network_files(container)
    }

    /// Writes again what depends on a container's networks; in place, so that a running container sees it.
    pub(super) fn write_network_files(&self, container: &Container) -> Result<()> {
        let hosts = match container.network_mode {
            NetworkMode::Host => read("/etc/hosts"),
            NetworkMode::Attached | NetworkMode::None => self.hosts(container)?,
            NetworkMode::Container => return Ok(()),
        };
        self.write_resolv_conf(container)?;
        write(&self.container_file(container.id, "hosts"), &hosts)
    }

    /// Writes again what a container's resolv.conf says, unless somebody changed it since it was written.
    pub(in crate::daemon) fn write_resolv_conf(&self, container: &Container) -> Result<()> {
        if container.network_mode == NetworkMode::Container {
            return Ok(());
        }
        let path = self.container_file(container.id, "resolv.conf");
        let ours = self.container_file(container.id, "resolv.conf.made");
        let (written, found) = (fs::read_to_string(&ours), fs::read_to_string(&path));
        if let (Ok(written), Ok(found)) = (&written, &found)
            && written != found
        {
            return Ok(());
        }
        let text = match container.network_mode {
            NetworkMode::Host => read("/etc/resolv.conf"),
            _ => self.resolv_conf(container),
        };
        if written.is_ok_and(|written| written == text) {
            return Ok(());
        }
        // without it the file counts as ours, should we be interrupted
        remove(&ours)?;
        write(&path, &text)?;
        write(&ours, &text)
    }

    fn resolv_conf(&self, container: &Container) -> String {
        let sandbox = self.read(|state| state.sandbox_of(container.id).cloned());
        sandbox.map_or_else(String::new, |it| self.resolv_conf_of(&it))
    }

    /// The resolv.conf that whatever lives in a sandbox should have.
    pub fn resolv_conf_of(&self, sandbox: &Sandbox) -> String {
        let host = host_resolv_conf();
        let (named, ipv6) = self.read(|state| {
            let endpoints = state.endpoints_of(sandbox.id);
            let mut networks = endpoints.filter_map(|it| state.network(it.network));
            let named = networks.clone().any(|it| it.is_user_defined());
            (named, networks.any(|it| it.enable_ipv6))
        });
        if named {
            let forwarding = self.read(|state| forwarding(state, sandbox, &host));
            rnet_dns::embedded(&host, &sandbox.dns, &forwarding)
        } else {
            rnet_dns::legacy(&reachable_resolv_conf(), &sandbox.dns, ipv6)
        }
    }

    fn hosts(&self, container: &Container) -> Result<String> {
        let addresses: Vec<IpAddr> = self.read(|state| {
            let sandbox = state.sandbox_of(container.id);
            let endpoints = sandbox
                .into_iter()
                .flat_map(|sandbox| state.endpoints_of(sandbox.id));
            endpoints
                .flat_map(|endpoint| &endpoint.addresses)
                .map(|cidr| cidr.ip())
                .collect()
        });
        let hostname = container.config.hostname.as_deref().unwrap_or_default();
        let ipv6 = addresses.iter().any(IpAddr::is_ipv6);
        let mut extra = self.extra_hosts(container)?;
        extra.extend(self.read(|state| links::names(state, container)));
        let extra = extra
            .iter()
            .map(|(name, address)| (name.as_str(), *address));
        Ok(rnet_dns::hosts(hostname, &addresses, extra, ipv6)?)
    }

    /// The names of `--add-host NAME:ADDRESS`.
    fn extra_hosts(&self, container: &Container) -> Result<Vec<(String, IpAddr)>> {
        let extra = container.host_config.extra_hosts.iter().flatten();
        extra.map(|text| self.extra_host(text)).collect()
    }

    fn extra_host(&self, text: &str) -> Result<(String, IpAddr)> {
        let invalid = || {
            Error::invalid(format!(
                "invalid extra host {text:?}: NAME:ADDRESS is expected"
            ))
        };
        let (name, address) = text.split_once([':', '=']).ok_or_else(invalid)?;
        if address == HOST_GATEWAY {
            let gateway = self.read(|state| {
                let bridge = state.networks().find(|network| network.is_default_bridge());
                bridge.and_then(|network| network.gateways().next())
            });
            return Ok((name.to_owned(), gateway.ok_or_else(invalid)?));
        }
        let bare = address.trim_start_matches('[').trim_end_matches(']');
        Ok((name.to_owned(), bare.parse().map_err(|_| invalid())?))
    }
}

/// A file of the host, or nothing where it has none.
fn read(path: &str) -> String {
    fs::read_to_string(path).unwrap_or_default()
}

fn remove(path: &Path) -> Result<()> {
    match fs::remove_file(path) {
        Err(source) if source.kind() != ErrorKind::NotFound => Err(Error::File {
            path: path.to_owned(),
            source,
        }),
        _ => Ok(()),
    }
}

/// Writes a file in place, for it may be mounted into a container; whoever reads it meanwhile never finds it empty.
fn write(path: &Path, text: &str) -> Result<()> {
    let failed = |source| Error::File {
        path: path.to_owned(),
        source,
    };
    if let Some(directory) = path.parent() {
        fs::create_dir_all(directory).map_err(failed)?;
    }
    let mut options = OpenOptions::new();
    let file = options.write(true).create(true).truncate(false).open(path);
    let written = file.and_then(|mut file| {
        file.write_all(text.as_bytes())?;
        file.set_len(text.len() as u64)
    });
    written.map_err(failed)
}
