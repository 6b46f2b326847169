//! Names: what the embedded DNS is told, and the resolver of each sandbox that needs one.

use std::fs;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::sync::{Arc, MutexGuard, PoisonError};

use rnet_dns::{EndpointNames, Forwarding, ResolvConf, Resolver, Sockets, Transport, View};
use rnet_kernel::{Host, SocketKind};
use rnet_model::{
    DnsConfig, Endpoint, EndpointId, Network, Place, PortRange, Protocol, Sandbox, SandboxId,
};

use super::{Daemon, container_port};
use crate::error::{Error, Result};
use crate::project;
use crate::state::{State, is_live};

/// The host's own resolver configuration.
pub(super) const HOST_RESOLV_CONF: &str = "/etc/resolv.conf";

/// Opens the embedded DNS's sockets where they are needed.
pub(super) struct HostSockets(pub(super) Arc<dyn Host>);

impl Sockets for HostSockets {
    fn open(
        &self,
        place: Place,
        peer: SocketAddr,
        transport: Transport,
        count: usize,
    ) -> std::io::Result<Vec<OwnedFd>> {
        let kind = match transport {
            Transport::Udp => SocketKind::Datagram,
            Transport::Tcp => SocketKind::Stream,
        };
        self.0
            .sockets(place, peer, kind, count)
            .map_err(std::io::Error::other)
    }
}

/// The embedded DNS.
pub(super) type Names = Resolver;

impl Daemon {
    /// Lets the endpoints' names resolve, and names resolve in their sandbox.
    pub(super) fn publish_names(&self, sandbox: SandboxId, endpoints: &[EndpointId]) -> Result<()> {
        let naming = self.naming();
        let host = host_resolv_conf();
        let (view, names) = self.read(|state| {
            let endpoints = endpoints.iter().filter_map(|id| state.endpoint(*id));
            let names = endpoints.filter_map(|endpoint| names(state, endpoint));
            (view(state, sandbox, &host), names.collect::<Vec<_>>())
        });
        let sees = view.is_some();
        self.resolver.update(|directory| {
            names.into_iter().for_each(|names| directory.put(names));
            view.into_iter().for_each(|view| directory.put_view(view));
        });
        drop(naming);
        if sees && !self.resolver.serves(sandbox) {
            let sockets = self.hands.host.resolver_sockets(sandbox)?;
            self.resolver.serve(sandbox, sockets.udp, sockets.tcp)?;
            self.leave_sockets(sandbox);
        }
        self.answer_at_gateways(sandbox);
        Ok(())
    }

    /// Lets the endpoints' names, and where `whole` all names of their sandbox, resolve no more.
    pub(super) fn withdraw_names(
        &self,
        sandbox: SandboxId,
        endpoints: &[EndpointId],
        whole: bool,
    ) -> Result<()> {
        let naming = self.naming();
        let host = host_resolv_conf();
        let view = if whole {
            None
        } else {
            self.read(|state| view(state, sandbox, &host))
        };
        let stays = view.is_some();
        self.resolver.update(|directory| {
            endpoints.iter().for_each(|id| directory.remove(*id));
            match view {
                Some(view) => directory.put_view(view),
                None => directory.remove_view(sandbox),
            }
        });
        drop(naming);
        if !stays {
            self.resolver.stop(sandbox);
            if !whole {
                self.leave_sockets(sandbox);
            }
        }
        Ok(())
    }

    /// Lets every sandbox see what it sees by the host's resolv.conf of now.
    pub(super) fn refresh_views(&self) {
        let _in_order = self.naming();
        let host = host_resolv_conf();
        let views: Vec<View> = self.read(|state| {
            let sandboxes = state.sandboxes();
            let served = sandboxes.filter(|it| self.resolver.serves(it.id));
            served.filter_map(|it| view(state, it.id, &host)).collect()
        });
        let views = views.into_iter().chain(self.gateway_views());
        self.resolver
            .update(|directory| views.for_each(|view| directory.put_view(view)));
    }

    pub(super) fn naming(&self) -> MutexGuard<'_, ()> {
        self.naming.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How names shall be resolved in a sandbox, as clients write it; empty lists leave it to the host's configuration.
pub fn dns_config(
    servers: Option<Vec<String>>,
    search: Option<Vec<String>>,
    options: Option<Vec<String>>,
) -> Result<DnsConfig> {
    let servers = servers.iter().flatten().map(|server| {
        server.parse().map_err(|_| {
            Error::invalid(format!(
                "invalid DNS server {server:?}: an IP address is expected"
            ))
        })
    });
    let config = DnsConfig {
        servers: servers.collect::<Result<_>>()?,
        search: search.unwrap_or_default(),
        options: options.unwrap_or_default(),
    };
    rnet_dns::check(&config).map_err(|error| Error::Invalid(error.to_string()))?;
    Ok(config)
}

/// What the host's own resolver is configured to.
pub(super) fn host_resolv_conf() -> ResolvConf {
    parse(HOST_RESOLV_CONF)
}

/// The same in terms of servers that can be reached from elsewhere than the host, as far as that is known.
pub(super) fn reachable_resolv_conf() -> ResolvConf {
    parse(rnet_dns::host_file(&host_resolv_conf()))
}

fn parse(path: &str) -> ResolvConf {
    ResolvConf::parse(&fs::read_to_string(path).unwrap_or_default())
}

/// What a sandbox sees; none where it is on no network that resolves names, or its runtime resolves them.
pub(super) fn view(state: &State, sandbox: SandboxId, host: &ResolvConf) -> Option<View> {
    let record = state.sandbox(sandbox).filter(|it| !it.takes_interface())?;
    let networks = project::in_order(state, state.endpoints_of(sandbox)).into_iter();
    let networks = networks
        .filter(|(_, network, _)| network.is_user_defined())
        .map(|(_, network, _)| network.id)
        .collect();
    let live = state.endpoints_of(sandbox).filter(|it| is_live(it));
    let links = live.flat_map(|endpoint| &endpoint.settings.links);
    let links = links.map(|link| (link.alias.clone(), link.container.clone()));
    let forward = forwarding(state, record, host);
    let view = View {
        sandbox,
        networks,
        links: links.collect(),
        forward,
    };
    (!view.networks.is_empty()).then_some(view)
}

/// Where names unknown here are asked for: the servers a user gave, from inside the sandbox, or the host's.
pub(super) fn forwarding(state: &State, sandbox: &Sandbox, host: &ResolvConf) -> Forwarding {
    if !sandbox.dns.servers.is_empty() {
        let place = Place::Sandbox(sandbox.id);
        Forwarding::from_addresses(place, sandbox.dns.servers.iter().copied())
    } else if networks(state, sandbox.id).all(|network| network.internal) {
        // what is cut off from the world must not reach it by way of names (CVE-2024-29018)
        Forwarding::default()
    } else {
        let servers = host.nameservers.iter().map(|server| server.address);
        Forwarding::from_addresses(Place::Host, servers)
    }
}

fn networks(state: &State, sandbox: SandboxId) -> impl Iterator<Item = &Network> {
    let live = state
        .endpoints_of(sandbox)
        .filter(|endpoint| is_live(endpoint));
    live.filter_map(|endpoint| state.network(endpoint.network))
}

pub(super) fn names(state: &State, endpoint: &Endpoint) -> Option<EndpointNames> {
    let network = state
        .network(endpoint.network)
        .filter(|network| network.is_user_defined())?;
    Some(EndpointNames {
        endpoint: endpoint.id,
        network: network.id,
        network_name: network.name.clone(),
        names: endpoint.names.clone(),
        addresses: endpoint.addresses.iter().map(|cidr| cidr.ip()).collect(),
        ports: state
            .sandbox(endpoint.sandbox)
            .map_or_else(Vec::new, |it| ports(state, it)),
    })
}

/// The ports of a container that are exposed or published.
fn ports(state: &State, sandbox: &Sandbox) -> Vec<(Protocol, PortRange)> {
    let container = state.container(sandbox.container);
    let exposed = container.and_then(|it| it.config.unpack().exposed_ports);
    // what cannot be read was refused when the container was created
    let exposed = exposed
        .iter()
        .flatten()
        .filter_map(|text| container_port(text).ok());
    let published = sandbox.ports.iter();
    exposed
        .map(|(port, protocol)| (protocol, PortRange::one(port)))
        .chain(published.map(|it| (it.protocol, it.container_ports)))
        .collect()
}
