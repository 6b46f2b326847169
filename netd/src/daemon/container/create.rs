//! Creating a container: everything a client asks for is checked here, once, so that what is on record can be run.

mod config;
mod endpoint;
mod limits;
mod name;
mod networks;
mod unsupported;
mod volumes;

pub(super) use endpoint::Mistakes;
pub use endpoint::endpoint_settings;
pub(super) use limits::check as check_limits;
pub(super) use name::check_name;
pub(super) use networks::is_host;
pub(super) use unsupported::refuse_host_settings;

use std::collections::BTreeMap;
use std::sync::Arc;

use bollard_stubs::models::{ContainerCreateBody, HostConfig};
use jiff::Timestamp;
use rnet_model::{ContainerId, DnsConfig};

use crate::container::{Container, Run};
use crate::daemon::ports::PortRequest;
use crate::daemon::{Daemon, dns_config, random_bytes};
use crate::error::{Error, Result};
use crate::state::Change;

use super::namespaces::Mode;
use super::restart::{self, Restarts};
use super::{devices, links, logging, mounts, namespaces, security, sysctls, ulimits};

/// A container someone asks for.
#[derive(Clone, Debug, Default)]
pub struct ContainerRequest {
    /// Its name; none lets the daemon find one.
    pub name: Option<String>,
    /// Everything else.
    pub body: ContainerCreateBody,
}

impl Daemon {
    /// Puts a container on record that can be started; it stands on nothing yet.
    pub fn create_container(self: &Arc<Self>, request: ContainerRequest) -> Result<ContainerId> {
        let ContainerRequest { name, body } = request;
        let (asked, host, endpoints) = config::split(body);
        let mut host = host.unwrap_or_default();
        unsupported::refuse(&asked, &host)?;
        namespaces::check(&asked, &host)?;
        let reference = asked.image.clone().unwrap_or_default();
        let image = self.images().find(&reference)?;
        let id = ContainerId::from_bytes(random_bytes());
        let mut config = config::merge(asked, &image.config);
        let on_host = networks::is_host(&host) || Mode::of(&host.uts_mode) == Mode::Host;
        config::complete(&mut config, id, on_host)?;
        let volumes = self.read(|state| volumes::requests(state, &config, &mut host))?;
        config::settle_mounts(&mut host)?;
        publish_all(
            &mut host,
            config.exposed_ports.as_deref().unwrap_or_default(),
        );
        check_host(&host)?;
        PortRequest::parse(host.port_bindings.as_ref(), config.labels.as_ref())?;
        config::complete_host(&mut host);
        logging::settle(&mut host, &self.settings.default_log)?;
        let volumes = self.settle_volumes(volumes, &image)?;
        let mut state = self.state();
        let (network_mode, networks) = networks::resolve(&state, &mut host, endpoints)?;
        let links = links::resolve(&state, &mut host)?;
        namespaces::settle(&state, &mut host);
        let container = Container {
            id,
            name: name::choose(&state, name.as_deref())?,
            created: Timestamp::now(),
            image_id: image.id.to_string(),
            config: config.into(),
            host_config: host.into(),
            network_mode,
            networks,
            volumes,
            links,
            addresses: BTreeMap::new(),
            restarts: Restarts::default(),
            run: Run::Created,
        };
        self.commit(
            &mut state,
            vec![Change::PutContainer(Box::new(container.clone()))],
        )?;
        drop(state);
        self.tell_of_container("create", &container, []);
        Ok(id)
    }
}

/// Gives every exposed port without a binding one to a port of the kernel's choice, where `-P` asks for it.
fn publish_all(host: &mut HostConfig, exposed: &[String]) {
    if host.publish_all_ports.unwrap_or(false) {
        let bindings = host.port_bindings.get_or_insert_default();
        for port in exposed {
            bindings.entry(port.clone()).or_insert_with(|| Some(vec![]));
        }
    }
}

/// How names shall be resolved in a container.
pub(super) fn asked_dns(host: &HostConfig) -> Result<DnsConfig> {
    dns_config(
        host.dns.clone(),
        host.dns_search.clone(),
        host.dns_options.clone(),
    )
}

/// The binds of paths of the host: the others are volumes.
pub(super) fn paths(host: &HostConfig) -> impl Iterator<Item = &String> {
    let binds = host.binds.iter().flatten();
    binds.filter(|bind| bind.starts_with('/') && bind.contains(':'))
}

/// Parses all that is parsed again at every start, so that a mistake is found now.
fn check_host(host: &HostConfig) -> Result<()> {
    limits::check(host)?;
    sysctls::check(host)?;
    asked_dns(host)?;
    for bind in paths(host) {
        mounts::parse_bind(bind)?;
    }
    for (target, options) in host.tmpfs.iter().flatten() {
        if !target.starts_with('/') {
            return Err(Error::invalid(format!(
                "invalid tmpfs {target:?}: an absolute path is expected"
            )));
        }
        mounts::tmpfs(target, options)?;
    }
    for server in host.dns.iter().flatten() {
        server.parse::<std::net::IpAddr>().map_err(|_| {
            Error::invalid(format!(
                "invalid DNS server {server:?}: an IP address is expected"
            ))
        })?;
    }
    for extra in host.extra_hosts.iter().flatten() {
        config::check_extra_host(extra)?;
    }
    restart::check(host)?;
    ulimits::check(host)?;
    let parent = host.cgroup_parent.as_deref().unwrap_or_default();
    if parent.split('/').any(|part| matches!(part, "." | "..")) {
        return Err(Error::invalid(format!(
            "invalid cgroup parent {parent:?}: a path without .. is expected"
        )));
    }
    devices::devices(host)?;
    security::check(host)
}
