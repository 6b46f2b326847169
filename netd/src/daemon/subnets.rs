//! The subnets of a new network, with an eye on what the host reaches already.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fs;
use std::net::IpAddr;
use std::path::Path;
use std::sync::PoisonError;

use imbl::{OrdSet, ordset};
use rnet_ipam::{IpamError, LeaseRequest, NetworkRequest, Space, SubnetRequest, lease, plan};
use rnet_model::{Cidr, Network, NetworkId, Subnet};
use sha2::{Digest, Sha256};

use super::Daemon;
use super::resolve::host_resolv_conf;
use crate::error::{Error, Result};
use crate::state::{Change, State};

/// What tells this machine from others: its id (machine-id(5)), or where it has none that of its uptime (random(4)).
const IDENTITIES: [&str; 2] = ["/etc/machine-id", "/proc/sys/kernel/random/boot_id"];

/// What the host reaches by its routes, as they were when it was looked at last.
#[derive(Default)]
pub(super) struct Reached {
    routes: OrdSet<Cidr>,
    space: Space,
}

impl Reached {
    /// Takes in what has changed.
    fn follow(&mut self, routes: OrdSet<Cidr>) {
        let new = self
            .routes
            .diff(&routes)
            .map(|difference| match difference {
                ordset::DiffItem::Add(route) => Some(*route),
                ordset::DiffItem::Remove(_) => None,
            });
        match new.collect::<Option<Vec<_>>>() {
            Some(new) => self.space.add_routes(new),
            // others may lead to parts of what one led to
            None => self.space = Space::of_routes(routes.iter().copied()),
        }
        self.routes = routes;
    }
}

impl Daemon {
    /// Decides which subnets a network gets.
    pub(super) fn plan_subnets(
        &self,
        network: &Network,
        subnets: Vec<SubnetRequest>,
    ) -> Result<Vec<Subnet>> {
        self.plan_beside(
            NetworkRequest {
                subnets,
                ipv4: network.enable_ipv4,
                ipv6: network.enable_ipv6,
                global_id: global_id(&self.settings.state_dir),
            },
            &BTreeSet::new(),
        )
    }

    /// Decides on one subnet of a network that somebody else is about to make; others were `promised` before.
    pub fn plan_pool(
        &self,
        subnet: SubnetRequest,
        v4: bool,
        promised: &BTreeSet<Cidr>,
    ) -> Result<Subnet> {
        let request = NetworkRequest {
            subnets: vec![subnet],
            ipv4: v4,
            ipv6: !v4,
            global_id: global_id(&self.settings.state_dir),
        };
        let mut planned = self.plan_beside(request, promised)?.into_iter();
        let none = || Error::invalid("invalid subnet: it is of the other family");
        planned.next().ok_or_else(none)
    }

    /// Leases an address of a network's subnet to somebody who makes an endpoint with it next: this one, or the next
    /// that is free, in a part of the subnet where one is given.
    ///
    /// Nothing is held: the search for the next address goes on behind this one, and so nobody is given it meanwhile
    /// unless it is asked for by itself, or all others are taken.
    pub fn lease_address(
        &self,
        network: NetworkId,
        subnet: Cidr,
        range: Option<Cidr>,
        wanted: Option<IpAddr>,
    ) -> Result<Cidr> {
        let mut state = self.state();
        let found = state.network(network).cloned();
        let mut network = found.ok_or_else(|| Error::no_such_network(network.to_string()))?;
        network.subnets.retain(|it| it.subnet == subnet);
        for it in &mut network.subnets {
            it.ip_range = range.or(it.ip_range);
        }
        let request = LeaseRequest {
            ipv4: wanted.filter(IpAddr::is_ipv4),
            ipv6: wanted.filter(IpAddr::is_ipv6),
            before: &[],
        };
        let addresses = state.addresses(network.id);
        let leased = lease(&network, &request, addresses.held())?;
        let leased = *leased.first().ok_or_else(|| {
            Error::invalid(format!("network {} has no subnet {subnet}", network.name))
        })?;
        if wanted.is_none() {
            let mark = addresses.mark_at(network.id, leased.ip());
            self.commit(&mut state, vec![Change::PutMark(mark)])?;
        }
        Ok(leased)
    }

    fn plan_beside(
        &self,
        request: NetworkRequest,
        promised: &BTreeSet<Cidr>,
    ) -> Result<Vec<Subnet>> {
        let reached = self.reached()?;
        self.read(|state| {
            let mut taken = Cow::Borrowed(state.subnets());
            if !promised.is_empty() {
                taken.to_mut().extend(promised.iter().copied());
            }
            plan(&request, &self.settings.pools, &taken, &reached)
                .map_err(|error| with_holder(state, error))
        })
    }

    /// What the host reaches by a route of any table, and the resolvers it asks, which may be behind a default route.
    fn reached(&self) -> Result<Space> {
        let mut reached = {
            let mut reached = self.reached.lock().unwrap_or_else(PoisonError::into_inner);
            reached.follow(self.hands.host.routes()?);
            reached.space.clone()
        };
        let resolvers = host_resolv_conf().nameservers;
        let elsewhere = resolvers.iter().filter(|it| !it.address.is_loopback());
        reached.extend(elsewhere.map(|server| server.address));
        Ok(reached)
    }
}

/// Says who has the subnet that was asked for.
fn with_holder(state: &State, error: IpamError) -> Error {
    let IpamError::Overlap { subnet: wanted } = error else {
        return error.into();
    };
    let mut held = state.networks().flat_map(|network| {
        let subnets = network.subnets.iter().map(|it| it.subnet);
        subnets.map(|subnet| (network.name.as_str(), subnet))
    });
    match held.find(|(_, subnet)| Space::from_iter([*subnet]).overlaps(wanted)) {
        Some((name, subnet)) => {
            Error::Forbidden(format!("{error} overlaps {subnet} of network {name}"))
        }
        None => Error::Forbidden(format!("{error} is asked for twice")),
    }
}

/// The 40 bits of this daemon's unique local prefix: the same after every start, and its own among the daemons of
/// this machine and of others (RFC 4193, 3.2.2; a machine's id is told nobody, machine-id(5) has it hashed).
fn global_id(state_dir: &Path) -> [u8; 5] {
    let known = |path| fs::read(path).ok().filter(|id| !id.is_empty());
    let machine = IDENTITIES.into_iter().find_map(known).unwrap_or_default();
    let hash = Sha256::new()
        .chain_update("rnet unique local prefix")
        .chain_update(machine)
        .chain_update(state_dir.as_os_str().as_encoded_bytes())
        .finalize();
    let mut id = [0; 5];
    id.copy_from_slice(&hash[..5]);
    id
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_daemon_s_prefix_is_always_the_same_and_not_another_s() {
        let id = |path: &str| global_id(Path::new(path));
        assert_eq!(id("/var/lib/rnet"), id("/var/lib/rnet"));
        assert_ne!(id("/var/lib/rnet"), id("/srv/rnet"));
    }
}
