//! Who is called what, and which of it each sandbox sees.

use std::collections::HashMap;
use std::iter;
use std::net::IpAddr;

use rnet_model::{EndpointId, NetworkId, PortRange, Protocol, SandboxId};

use crate::Forwarding;
use crate::zone::{Zone, normal};

/// What one endpoint is called on its network.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct EndpointNames {
    /// The endpoint.
    pub endpoint: EndpointId,
    /// Its network.
    pub network: NetworkId,
    /// Its network's name, which qualifies its own names.
    pub network_name: String,
    /// Its names; the first is the one its addresses lead back to.
    pub names: Vec<String>,
    /// Its addresses, of both families.
    pub addresses: Vec<IpAddr>,
    /// The ports it serves on, as far as that is known.
    pub ports: Vec<(Protocol, PortRange)>,
}

/// What one sandbox sees.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct View {
    /// The sandbox.
    pub sandbox: SandboxId,
    /// The networks it is on, in the order they are searched.
    pub networks: Vec<NetworkId>,
    /// Names of its own for others: alias to name. They come before everybody's names.
    pub links: HashMap<String, String>,
    /// Where every other name is asked for.
    pub forward: Forwarding,
}

/// All endpoints' names and all sandboxes' views.
///
/// **Contract:** a change costs as much as the endpoint has names, however many endpoints there are, and is seen by
/// the next lookup. A sandbox sees names of the networks in its view only.
#[derive(Debug, Default)]
pub struct Directory {
    // each of the large ones by itself: a map keeps room for twice as many as it has
    endpoints: HashMap<EndpointId, Box<EndpointNames>>,
    zones: HashMap<NetworkId, Zone>,
    views: HashMap<SandboxId, Box<View>>,
}

impl Directory {
    /// Adds an endpoint, or replaces what was said of it before.
    pub fn put(&mut self, names: EndpointNames) {
        self.remove(names.endpoint);
        self.zones.entry(names.network).or_default().insert(&names);
        self.endpoints.insert(names.endpoint, Box::new(names));
    }

    /// Forgets an endpoint; one that is not known is no error.
    pub fn remove(&mut self, endpoint: EndpointId) {
        let Some(names) = self.endpoints.remove(&endpoint) else {
            return;
        };
        if let Some(zone) = self.zones.get_mut(&names.network) {
            zone.remove(&names);
            if zone.is_empty() {
                self.zones.remove(&names.network);
            }
        }
    }

    /// Sets what a sandbox sees.
    pub fn put_view(&mut self, mut view: View) {
        view.links = view
            .links
            .iter()
            .map(|(alias, name)| (normal(alias), normal(name)))
            .collect();
        self.views.insert(view.sandbox, Box::new(view));
    }

    /// Forgets a sandbox, which then sees nothing.
    pub fn remove_view(&mut self, sandbox: SandboxId) {
        self.views.remove(&sandbox);
    }

    /// Where the names a sandbox does not find here are asked for; nowhere for an unknown sandbox.
    pub fn forwarding(&self, sandbox: SandboxId) -> Forwarding {
        self.views
            .get(&sandbox)
            .map(|view| view.forward.clone())
            .unwrap_or_default()
    }

    /// The addresses that `name` (lower-case, no dot at its end) has for a sandbox, among those `wanted`.
    ///
    /// None where the name is not known here; empty where it is, but has no such address. `a.b.c` is searched as
    /// libnetwork's `Sandbox.ResolveName` does: as a name on each network, then as `a.b` on network `c`, then as `a`
    /// on network `b.c`; each time as an alias of the sandbox's own first.
    pub fn addresses(
        &self,
        sandbox: SandboxId,
        name: &str,
        wanted: impl Fn(&IpAddr) -> bool,
    ) -> Option<Vec<IpAddr>> {
        self.find(sandbox, name, |_, address| wanted(address))
    }

    /// The addresses of those called `name` that serve on a port; None where the name is not known here.
    pub fn servers(
        &self,
        sandbox: SandboxId,
        name: &str,
        protocol: Protocol,
        port: u16,
    ) -> Option<Vec<IpAddr>> {
        let serves = |&(its, ports): &(Protocol, PortRange)| {
            its == protocol && ports.ports().contains(&port)
        };
        self.find(sandbox, name, |names, _| names.ports.iter().any(serves))
    }

    /// The name that leads to `address` for a sandbox, as `<first name>.<network>`.
    pub fn name_of(&self, sandbox: SandboxId, address: IpAddr) -> Option<String> {
        let view = self.views.get(&sandbox)?;
        let owner = self.zones_of(view).find_map(|zone| zone.owner(address))?;
        let names = self.endpoints.get(&owner)?;
        let first = names.names.first()?;
        Some(format!("{first}.{}", names.network_name))
    }

    fn find(
        &self,
        sandbox: SandboxId,
        name: &str,
        wanted: impl Fn(&EndpointNames, &IpAddr) -> bool,
    ) -> Option<Vec<IpAddr>> {
        let view = self.views.get(&sandbox)?;
        readings(name)
            .flat_map(|(host, network)| {
                let linked = view.links.get(host).map(String::as_str);
                linked
                    .into_iter()
                    .chain([host])
                    .map(move |host| (host, network))
            })
            .find_map(|(host, network)| self.on_networks(view, host, network, &wanted))
    }

    fn on_networks(
        &self,
        view: &View,
        host: &str,
        network: Option<&str>,
        wanted: impl Fn(&EndpointNames, &IpAddr) -> bool,
    ) -> Option<Vec<IpAddr>> {
        let mut known = None;
        for zone in self
            .zones_of(view)
            .filter(|zone| network.is_none_or(|name| name == zone.name))
        {
            let Some(holders) = zone.holders(host) else {
                continue;
            };
            let addresses: Vec<_> = holders
                .iter()
                .filter_map(|holder| self.endpoints.get(holder))
                .flat_map(|names| {
                    let all = names.addresses.iter().copied();
                    all.filter(|address| wanted(names, address))
                })
                .collect();
            if !addresses.is_empty() {
                return Some(addresses);
            }
            known = Some(addresses);
        }
        known
    }

    fn zones_of(&self, view: &View) -> impl Iterator<Item = &Zone> {
        view.networks
            .iter()
            .filter_map(|network| self.zones.get(network))
    }
}

/// The ways to read a name: whole on any network, then cut at each dot, the last first, into name and network.
fn readings(name: &str) -> impl Iterator<Item = (&str, Option<&str>)> {
    let qualified = name
        .rmatch_indices('.')
        .map(|(dot, _)| (&name[..dot], Some(&name[dot + 1..])));
    iter::once((name, None)).chain(qualified)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_kept_of_what_was_taken_out() {
        let names = |number, address: &str| EndpointNames {
            endpoint: EndpointId::from_bytes([number; 32]),
            network: NetworkId::from_bytes([1; 32]),
            network_name: "front".to_owned(),
            names: vec!["web".to_owned(), "Web.".to_owned()],
            addresses: vec![address.parse().unwrap()],
            ports: vec![],
        };
        let mut directory = Directory::default();
        directory.put(names(1, "10.0.0.2"));
        directory.put(names(2, "10.0.0.2"));
        directory.put(names(2, "10.0.0.3"));
        directory.remove(EndpointId::from_bytes([2; 32]));
        directory.remove(EndpointId::from_bytes([1; 32]));
        assert!(directory.zones.is_empty(), "{directory:?}");
        assert!(directory.endpoints.is_empty());
    }
}
