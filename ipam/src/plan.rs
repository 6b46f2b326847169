//! The subnets of a new network.

use std::collections::BTreeMap;
use std::net::IpAddr;

use rnet_model::{Cidr, Subnet};

use crate::check::mistakes;
use crate::space::{ends, lowest_address, lowest_subnet};
use crate::{Family, IpamError, Pools, Space};

/// One subnet as it is asked for; nothing at all asks for nothing.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct SubnetRequest {
    /// The range; the unspecified address (`0.0.0.0/24`) asks for an automatic subnet of that prefix length.
    pub subnet: Option<Cidr>,
    /// The part of it that addresses are handed out from.
    pub ip_range: Option<Cidr>,
    /// The gateway's address; if none, the lowest of the subnet that is not an auxiliary one.
    pub gateway: Option<IpAddr>,
    /// Addresses that something outside rnet uses, by name.
    pub auxiliary_addresses: BTreeMap<String, IpAddr>,
}

impl SubnetRequest {
    /// Whether only the prefix length of its subnet is given (`0.0.0.0/24`).
    pub(crate) fn is_sized_only(&self) -> bool {
        self.subnet
            .is_some_and(|it| it.ip().is_unspecified() && it.prefix() > 0)
    }
}

/// What a new network asks for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NetworkRequest {
    /// The subnets asked for; a family that is enabled but not among them gets an automatic one.
    pub subnets: Vec<SubnetRequest>,
    /// Whether endpoints get IPv4 addresses.
    pub ipv4: bool,
    /// Whether endpoints get IPv6 addresses.
    pub ipv6: bool,
    /// The global id of the unique local prefix (RFC 4193) that automatic IPv6 subnets come from.
    pub global_id: [u8; 5],
}

/// Resolves a request into the network's subnets: those asked for in their order, then the automatic ones.
///
/// `networks` are the subnets of all other networks, `routes` what the host has routes to ([`Space::of_routes`]).
/// What is asked for by its address may overlap a route, as in Docker, but no network; what is automatic overlaps
/// neither. The lowest free subnet of the first pool that has one is found in O(log n) steps a gap between networks
/// and routes, however many there are side by side.
pub fn plan(
    request: &NetworkRequest,
    pools: &Pools,
    networks: &Space,
    routes: &Space,
) -> Result<Vec<Subnet>, IpamError> {
    let wants = wants(request)?;
    let mut own = Space::default();
    for want in &wants {
        if let &Want::Fixed(subnet, _) = want {
            if networks.overlaps(subnet) || own.overlaps(subnet) {
                return Err(IpamError::Overlap { subnet });
            }
            own.insert(subnet);
        }
    }
    let resolved = wants.into_iter().map(|want| match want {
        Want::Fixed(subnet, entry) => resolve(subnet, entry),
        Want::Automatic(family, size) => {
            let held = [networks, routes, &own];
            let subnet = pools
                .of(family, request.global_id)
                .find_map(|pool| lowest_subnet(pool.base, size.unwrap_or(pool.size), &held))
                .ok_or(IpamError::PoolsExhausted { family })?;
            own.insert(subnet);
            resolve(subnet, &SubnetRequest::default())
        }
    });
    resolved.collect()
}

/// One subnet the network will have.
enum Want<'a> {
    /// This one.
    Fixed(Cidr, &'a SubnetRequest),
    /// A free one, of this prefix length or its pool's.
    Automatic(Family, Option<u8>),
}

impl Want<'_> {
    fn family(&self) -> Family {
        match *self {
            Self::Fixed(subnet, _) => Family::of_subnet(subnet),
            Self::Automatic(family, _) => family,
        }
    }
}

fn wants(request: &NetworkRequest) -> Result<Vec<Want<'_>>, IpamError> {
    let mistakes: Vec<_> = request.subnets.iter().flat_map(mistakes).collect();
    if !mistakes.is_empty() {
        return Err(IpamError::InvalidConfig(mistakes));
    }
    let mut wants: Vec<_> = request.subnets.iter().filter_map(want).collect();
    for (family, enabled) in [(Family::V4, request.ipv4), (Family::V6, request.ipv6)] {
        match (enabled, wants.iter().any(|want| want.family() == family)) {
            (true, false) => wants.push(Want::Automatic(family, None)),
            (false, true) => return Err(IpamError::FamilyDisabled { family }),
            _ => {}
        }
    }
    if wants.is_empty() {
        return Err(IpamError::NoFamily);
    }
    Ok(wants)
}

/// None for an entry that asks for nothing.
fn want(entry: &SubnetRequest) -> Option<Want<'_>> {
    let subnet = entry.subnet?;
    Some(match entry.is_sized_only() {
        true => Want::Automatic(Family::of_subnet(subnet), Some(subnet.prefix())),
        false => Want::Fixed(subnet, entry),
    })
}

fn resolve(subnet: Cidr, entry: &SubnetRequest) -> Result<Subnet, IpamError> {
    let auxiliary: Space = entry.auxiliary_addresses.values().copied().collect();
    let gateway = entry
        .gateway
        .or_else(|| {
            let within = (subnet.network(), subnet.broadcast());
            lowest_address(within, &[&ends(subnet).into_iter().collect(), &auxiliary])
        })
        .ok_or(IpamError::NoGatewayLeft { subnet })?;
    Ok(Subnet {
        subnet,
        ip_range: entry.ip_range,
        gateway: Some(gateway),
        auxiliary_addresses: entry.auxiliary_addresses.clone(),
    })
}

#[cfg(test)]
mod tests;
