//! Claiming ports: which ones a request becomes, taken among containers and held in the kernel, all or none.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use rnet_model::{
    Cidr, FamilyPolicy, Inbound, Network, NetworkPolicy, PortRange, Protocol, PublishedPorts,
};

use super::request::{PortRequest, Wanted};
use super::{Range, lock};
use crate::daemon::Daemon;
use crate::daemon::network::{find_driver, refused_by};
use crate::error::{Error, Result};

/// How often the kernel is asked for another port when a container has the one it chose.
const EPHEMERAL_TRIES: usize = 10;

/// How a sandbox's networks can be reached in each family; none where no network has it.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::daemon) struct Families {
    v4: Option<Reach>,
    v6: Option<Reach>,
}

/// How the ports of containers are reached; what the best of several networks offers counts.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Reach {
    /// At the containers' own addresses (gateway mode `routed`): nothing of the host is bound.
    Routed,
    /// By ports of the host.
    Translated,
}

/// Ports that are held and not yet a sandbox's; dropping it lets them go.
#[derive(Default)]
pub(in crate::daemon) struct Claim {
    pub(super) ranges: Vec<Range>,
    /// Ports that take none of the host's.
    routed: Vec<PublishedPorts>,
}

impl Claim {
    /// What is published by it, for the record.
    pub(in crate::daemon) fn published(&self) -> Vec<PublishedPorts> {
        let published = self.ranges.iter().flat_map(|range| &range.published);
        published.chain(&self.routed).cloned().collect()
    }
}

impl Daemon {
    /// Claims the ports asked for, all or none, for a sandbox whose networks have these families; those it has already
    /// are not claimed again.
    pub(in crate::daemon) fn claim_ports(
        &self,
        requests: &[PortRequest],
        families: Families,
        present: &[PublishedPorts],
    ) -> Result<Claim> {
        let mut claim = Claim::default();
        if requests.is_empty() {
            return Ok(claim);
        }
        let host_has_v6 = self.hands.host.facts()?.ipv6;
        for request in requests {
            let addresses = addresses(request, families, host_has_v6)?;
            let (mut routed, mut bound): (Vec<_>, Vec<_>) = addresses
                .into_iter()
                .partition(|it| families.is_routed(*it));
            let own = || present.iter().filter(|it| request.became(it));
            routed.retain(|address| own().all(|it| it.host_address != *address));
            bound.retain(|address| own().all(|it| it.host_address != *address || !it.is_bound()));
            claim
                .routed
                .extend(routed.into_iter().map(|it| unbound(request, it)));
            if !bound.is_empty() {
                claim.ranges.push(self.claim(request, &bound)?);
            }
        }
        Ok(claim)
    }

    /// Holds again the ports of a sandbox that outlived the last daemon; those that someone else took meanwhile stay
    /// published all the same, for packets reach the packet filter before any socket.
    ///
    /// Nothing is held where a client does so itself (`by_client`).
    pub(in crate::daemon) fn claim_again(
        &self,
        ports: &[PublishedPorts],
        by_client: bool,
    ) -> Claim {
        let mut together: BTreeMap<_, Vec<PublishedPorts>> = BTreeMap::new();
        for published in ports.iter().filter(|it| it.is_bound()) {
            let address = published.host_address;
            let address = Some(address).filter(|address| !address.is_unspecified());
            let key = (published.protocol, published.host_ports, address);
            together.entry(key).or_default().push(published.clone());
        }
        let mut claim = Claim::default();
        for published in together.into_values() {
            let mut range = Range {
                published,
                held: None,
                taken: Arc::clone(&self.ports.taken),
            };
            if let Err(port) = lock(&range.taken).take(&range.host_ports()) {
                tracing::warn!(%port, "published twice");
                range.published.clear();
                continue;
            }
            if by_client {
                claim.ranges.push(range);
                continue;
            }
            let first = &range.published[0];
            let address = common_address(range.published.iter().map(|it| it.host_address));
            let host = &self.hands.host;
            match host.hold_ports(first.protocol, address, first.host_ports) {
                Ok(held) => range.held = Some(held),
                Err(error) => tracing::warn!("published, but not held: {error}"),
            }
            claim.ranges.push(range);
        }
        claim
    }

    fn claim(&self, request: &PortRequest, addresses: &[IpAddr]) -> Result<Range> {
        let mut refusal = None;
        let candidates: Box<dyn Iterator<Item = PortRange>> = match request.host_ports {
            Wanted::These(ports) => Box::new(std::iter::once(ports)),
            Wanted::FirstFreeOf(ports) => Box::new(ports.ports().map(PortRange::one)),
            Wanted::Any => Box::new(std::iter::repeat_n(PortRange::one(0), EPHEMERAL_TRIES)),
        };
        for candidate in candidates {
            match self.try_claim(request, addresses, candidate) {
                Ok(range) => return Ok(range),
                Err(error) => refusal = Some(error),
            }
        }
        Err(refusal.expect("there is a candidate at least"))
    }

    /// These ports, or whichever one the kernel chooses, at each of the addresses.
    fn try_claim(
        &self,
        request: &PortRequest,
        addresses: &[IpAddr],
        host_ports: PortRange,
    ) -> Result<Range> {
        let address = common_address(addresses.iter().copied());
        let hold = |ports| self.hands.host.hold_ports(request.protocol, address, ports);
        // the kernel's choice is known only when it is held; others are asked for here first, where it costs nothing
        let chosen = match host_ports.first() {
            0 => Some(hold(host_ports)?),
            _ => None,
        };
        let host_ports = chosen.as_ref().map_or(host_ports, |held| held.ports);
        let published = addresses.iter().map(|&host_address| PublishedPorts {
            protocol: request.protocol,
            host_address,
            host_ports,
            container_ports: request.container_ports,
            from: of_family(&request.from, host_address),
        });
        let mut range = Range {
            published: Vec::new(),
            held: None,
            taken: Arc::clone(&self.ports.taken),
        };
        let published: Vec<_> = published.collect();
        let host: Vec<_> = published.iter().map(PublishedPorts::host).collect();
        lock(&range.taken)
            .take(&host)
            .map_err(Error::PortAllocated)?;
        // from here on it is let go when it is dropped
        range.published = published;
        if !request.held_by_client {
            range.held = Some(chosen.map_or_else(|| hold(host_ports), Ok)?);
        }
        Ok(range)
    }
}

/// The host addresses a request means.
///
/// Without an address it means both families, as long as something can carry them: the packet filter to a container of
/// the same family, the relay from IPv6 to one that has IPv4 only. SCTP is not relayed.
fn addresses(request: &PortRequest, families: Families, host_has_v6: bool) -> Result<Vec<IpAddr>> {
    let relayed = families.v4 == Some(Reach::Translated) && request.protocol != Protocol::Sctp;
    if let Some(address) = request.host_address {
        let only_by_relay = address.is_ipv6() && (families.v6.is_none() || address.is_loopback());
        if request.protocol == Protocol::Sctp && only_by_relay {
            return Err(Error::invalid(format!(
                "cannot publish SCTP ports on {address}: what comes there can only be relayed, and SCTP cannot; \
                 publish them on an IPv4 address, or on an IPv6 address other than ::1 of a container with IPv6"
            )));
        }
        if !is_for_anyone(&request.from, address) {
            return Err(Error::invalid(format!(
                "cannot publish ports on {address}: none of the clients they are for is of its family"
            )));
        }
        return Ok(vec![address]);
    }
    let v4 = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
    let v6 = IpAddr::V6(Ipv6Addr::UNSPECIFIED);
    let meant = [
        (families.v4.is_some(), v4),
        (host_has_v6 && (families.v6.is_some() || relayed), v6),
    ];
    let meant = meant.into_iter().filter(|(meant, _)| *meant);
    let meant = meant.map(|(_, address)| address);
    Ok(meant
        .filter(|it| is_for_anyone(&request.from, *it))
        .collect())
}

/// What is asked for, of a container that is reached at its own address.
fn unbound(request: &PortRequest, host_address: IpAddr) -> PublishedPorts {
    let none = request.container_ports.moved_to(0);
    PublishedPorts {
        protocol: request.protocol,
        host_address,
        host_ports: none.expect("ranges fit as well where they begin earlier"),
        container_ports: request.container_ports,
        from: of_family(&request.from, host_address),
    }
}

impl Families {
    /// One more network of the sandbox.
    pub(in crate::daemon) fn add(&mut self, network: &Network) -> Result<()> {
        let driver = find_driver(&network.driver)?;
        let policy = driver
            .firewall(network)
            .map_err(refused_by(driver, network))?;
        let reach = |family: fn(&NetworkPolicy) -> FamilyPolicy| match policy.as_ref().map(family) {
            Some(policy) if policy.inbound == Inbound::Opened => Some(Reach::Routed),
            _ => Some(Reach::Translated),
        };
        if network.enable_ipv4 {
            self.v4 = self.v4.max(reach(|policy| policy.ipv4));
        }
        if network.enable_ipv6 {
            self.v6 = self.v6.max(reach(|policy| policy.ipv6));
        }
        Ok(())
    }

    fn is_routed(self, address: IpAddr) -> bool {
        let reach = if address.is_ipv4() { self.v4 } else { self.v6 };
        reach == Some(Reach::Routed)
    }
}

fn is_for_anyone(from: &BTreeSet<Cidr>, address: IpAddr) -> bool {
    from.is_empty() || !of_family(from, address).is_empty()
}

fn of_family(from: &BTreeSet<Cidr>, address: IpAddr) -> BTreeSet<Cidr> {
    let same = |cidr: &&Cidr| cidr.is_ipv4() == address.is_ipv4();
    from.iter().filter(same).copied().collect()
}

/// The one address; none where there are two, every one of both families.
fn common_address(mut addresses: impl Iterator<Item = IpAddr>) -> Option<IpAddr> {
    let first = addresses.next();
    first.filter(|_| addresses.next().is_none())
}
