//! The subnets of a new network.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use rnet_model::{Cidr, Subnet};

use crate::check::check_entry;
use crate::space::{ends, lowest_address, lowest_subnet, overlap};
use crate::{Family, IpamError, Pools};

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
    pub ula_seed: [u8; 5],
}

/// Resolves a request into the network's subnets: those asked for in their order, then the automatic ones.
///
/// `networks` are the subnets of all other networks, `routes` the destinations of every route of the host. What is
/// asked for by its address may overlap a route, as in Docker, but no network; what is automatic overlaps neither.
/// Default routes, and the halves of one that VPNs put before it (`0.0.0.0/1`), lead everywhere and so rule out
/// nothing.
pub fn plan(
    request: &NetworkRequest,
    pools: &Pools,
    networks: &[Cidr],
    routes: &[Cidr],
) -> Result<Vec<Subnet>, IpamError> {
    let wants = wants(request)?;
    let mut held = networks.to_vec();
    for want in &wants {
        if let &Want::Fixed(subnet, entry) = want {
            check_entry(subnet, entry)?;
            claim(subnet, &mut held)?;
        }
    }
    held.extend(routes.iter().filter(|route| route.prefix() > 1));
    let resolved = wants.into_iter().map(|want| match want {
        Want::Fixed(subnet, entry) => resolve(subnet, entry),
        Want::Automatic(family, size) => {
            let subnet = pools
                .of(family, request.ula_seed)
                .find_map(|pool| lowest_subnet(pool.base, size.unwrap_or(pool.size), &held))
                .ok_or(IpamError::PoolsExhausted { family })?;
            held.push(subnet);
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
    let mut wants = Vec::new();
    for entry in &request.subnets {
        wants.extend(want(entry)?);
    }
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

fn want(entry: &SubnetRequest) -> Result<Option<Want<'_>>, IpamError> {
    let only_subnet = SubnetRequest {
        subnet: entry.subnet,
        ..SubnetRequest::default()
    };
    match entry.subnet {
        Some(subnet) if !subnet.ip().is_unspecified() || subnet.prefix() == 0 => {
            Ok(Some(Want::Fixed(subnet, entry)))
        }
        _ if *entry != only_subnet => Err(IpamError::NoSubnet),
        size => Ok(size.map(|any| Want::Automatic(Family::of_subnet(any), Some(any.prefix())))),
    }
}

fn claim(subnet: Cidr, held: &mut Vec<Cidr>) -> Result<(), IpamError> {
    if let Some(&other) = held.iter().find(|&&other| overlap(subnet, other)) {
        return Err(IpamError::Overlap { subnet, other });
    }
    held.push(subnet);
    Ok(())
}

fn resolve(subnet: Cidr, entry: &SubnetRequest) -> Result<Subnet, IpamError> {
    let auxiliary: BTreeSet<IpAddr> = entry.auxiliary_addresses.values().copied().collect();
    let gateway = entry
        .gateway
        .or_else(|| lowest_address(subnet, &ends(subnet), &auxiliary))
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
