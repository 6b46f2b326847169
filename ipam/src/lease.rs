//! The addresses of a new endpoint.

use std::collections::BTreeSet;
use std::net::IpAddr;

use rnet_model::{Cidr, Network, Subnet};

use crate::check::check_address;
use crate::space::{ends, lowest_address};
use crate::{Family, Holder, IpamError};

/// The addresses an endpoint must have; none takes the lowest that is free.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct LeaseRequest {
    /// Its IPv4 address.
    pub ipv4: Option<IpAddr>,
    /// Its IPv6 address.
    pub ipv6: Option<IpAddr>,
}

/// One address for each family the network has, IPv4 first, each with the prefix length of its subnet.
///
/// `taken` are the addresses that endpoints of this network hold. A fixed address may lie anywhere in a subnet, the
/// others come from its ip-range if there is one, the lowest free first. Nothing is recorded: the address is held
/// once the caller's next `taken` has it.
///
/// Takes O(n) for n taken addresses at worst, and O(log n) for a fixed one, whatever the size of the subnet.
pub fn lease(
    network: &Network,
    request: &LeaseRequest,
    taken: &BTreeSet<IpAddr>,
) -> Result<Vec<Cidr>, IpamError> {
    let mut leases = Vec::new();
    for (family, wanted) in [(Family::V4, request.ipv4), (Family::V6, request.ipv6)] {
        match wanted {
            Some(address) => leases.push(fixed(network, family, address, taken)?),
            None => leases.extend(lowest(network, family, taken)?),
        }
    }
    Ok(leases)
}

fn fixed(
    network: &Network,
    family: Family,
    address: IpAddr,
    taken: &BTreeSet<IpAddr>,
) -> Result<Cidr, IpamError> {
    if Family::of(address) != family {
        return Err(IpamError::WrongFamily {
            address,
            expected: family,
        });
    }
    let subnets = || network.subnets.iter().map(|subnet| subnet.subnet);
    let subnet = network
        .subnets
        .iter()
        .find(|subnet| subnet.subnet.contains(address))
        .ok_or_else(|| IpamError::OutsideSubnets {
            address,
            network: network.name.clone(),
            subnets: subnets().collect(),
        })?;
    check_address("address", address, subnet.subnet)?;
    match holder(subnet, address, taken) {
        Some(holder) => Err(IpamError::AddressInUse {
            address,
            network: network.name.clone(),
            holder,
        }),
        None => Ok(with_prefix(address, subnet)),
    }
}

fn holder(subnet: &Subnet, address: IpAddr, taken: &BTreeSet<IpAddr>) -> Option<Holder> {
    if subnet.gateway == Some(address) {
        return Some(Holder::Gateway);
    }
    let mut auxiliary = subnet.auxiliary_addresses.iter();
    match auxiliary.find(|(_, held)| **held == address) {
        Some((name, _)) => Some(Holder::Auxiliary(name.clone())),
        None => taken.contains(&address).then_some(Holder::Endpoint),
    }
}

/// The lowest free address of the first subnet of a family that has one; none if the network has not that family.
fn lowest(
    network: &Network,
    family: Family,
    taken: &BTreeSet<IpAddr>,
) -> Result<Option<Cidr>, IpamError> {
    let mut subnets = network
        .subnets
        .iter()
        .filter(|s| Family::of_subnet(s.subnet) == family)
        .peekable();
    if subnets.peek().is_none() {
        return Ok(None);
    }
    subnets
        .find_map(|subnet| {
            let within = subnet.ip_range.unwrap_or(subnet.subnet);
            let address = lowest_address(within, &reserved(subnet), taken)?;
            Some(with_prefix(address, subnet))
        })
        .map(Some)
        .ok_or_else(|| IpamError::NoAddressLeft {
            family,
            network: network.name.clone(),
            id: network.id,
        })
}

/// What no endpoint may have, taken or not.
fn reserved(subnet: &Subnet) -> BTreeSet<IpAddr> {
    let mut reserved = ends(subnet.subnet);
    reserved.extend(subnet.gateway);
    reserved.extend(subnet.auxiliary_addresses.values());
    reserved
}

fn with_prefix(address: IpAddr, subnet: &Subnet) -> Cidr {
    Cidr::new(address, subnet.subnet.prefix()).expect("the address is of the subnet's family")
}

#[cfg(test)]
mod tests;
