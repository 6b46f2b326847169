//! The addresses of a new endpoint.

use std::net::IpAddr;

use rnet_model::{Cidr, Network, Subnet};

use crate::check::check_address;
use crate::family::successor;
use crate::space::{ends, lowest_address};
use crate::{Family, Holder, IpamError, Space};

/// The addresses an endpoint must have; none takes the next that is free.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct LeaseRequest<'a> {
    /// Its IPv4 address.
    pub ipv4: Option<IpAddr>,
    /// Its IPv6 address.
    pub ipv6: Option<IpAddr>,
    /// The addresses it had before, at most one a family: it gets them again where they are free.
    pub before: &'a [IpAddr],
}

/// What is held on a network.
#[derive(Clone, Copy, Debug)]
pub struct Held<'a> {
    /// The addresses that endpoints of it have.
    pub taken: &'a Space,
    /// The addresses set aside for whoever asks for them by name.
    pub reserved: &'a Space,
    /// The automatic addresses that were leased last, at most one a family.
    pub last: &'a [IpAddr],
}

/// One address for each family the network has, IPv4 first, each with the prefix length of its subnet.
///
/// A fixed address may lie anywhere in a subnet. The others come from its ip-range if there is one: what the endpoint
/// had before, or else the lowest free that is above the one leased last, and from the bottom again when there is none.
/// So a new network counts upwards, and an address that became free is the last to be given to another. Nothing is
/// recorded: the address is held
/// once the caller's next `held` has it.
///
/// Takes O(log n) for n held addresses in a row, whatever the size of the subnet.
pub fn lease(
    network: &Network,
    request: &LeaseRequest<'_>,
    held: Held<'_>,
) -> Result<Vec<Cidr>, IpamError> {
    let mut leases = Vec::new();
    for (family, wanted) in [(Family::V4, request.ipv4), (Family::V6, request.ipv6)] {
        match wanted {
            Some(address) => leases.push(fixed(network, family, address, held.taken)?),
            None => leases.extend(next(network, family, request.before, held)?),
        }
    }
    Ok(leases)
}

fn fixed(
    network: &Network,
    family: Family,
    address: IpAddr,
    taken: &Space,
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

fn holder(subnet: &Subnet, address: IpAddr, taken: &Space) -> Option<Holder> {
    if subnet.gateway == Some(address) {
        return Some(Holder::Gateway);
    }
    let mut auxiliary = subnet.auxiliary_addresses.iter();
    match auxiliary.find(|(_, held)| **held == address) {
        Some((name, _)) => Some(Holder::Auxiliary(name.clone())),
        None => taken.overlaps(address).then_some(Holder::Endpoint),
    }
}

/// What the endpoint had of a family before, or the next free address; none if the network has not that family.
fn next(
    network: &Network,
    family: Family,
    before: &[IpAddr],
    held: Held<'_>,
) -> Result<Option<Cidr>, IpamError> {
    let ranges: Vec<(&Subnet, Cidr)> = network
        .subnets
        .iter()
        .filter(|subnet| Family::of_subnet(subnet.subnet) == family)
        .map(|subnet| (subnet, subnet.ip_range.unwrap_or(subnet.subnet)))
        .collect();
    if ranges.is_empty() {
        return Ok(None);
    }
    let free = |subnet: &Subnet, first: IpAddr, last: IpAddr| {
        let address = lowest_address(
            (first, last),
            &[held.taken, held.reserved, &unleasable(subnet)],
        )?;
        Some(with_prefix(address, subnet))
    };
    let again = before.iter().filter_map(|&address| {
        let holds = |(_, range): &&(&Subnet, Cidr)| range.contains(address);
        let (subnet, _) = ranges.iter().find(holds)?;
        Some((*subnet, address, address))
    });
    again
        .chain(turns(&ranges, held.last))
        .find_map(|(subnet, first, last)| free(subnet, first, last))
        .map(Some)
        .ok_or_else(|| IpamError::NoAddressLeft {
            family,
            network: network.name.clone(),
            id: network.id,
        })
}

/// All ranges once around, each with its first and last address, from just above the address leased last.
fn turns<'a>(ranges: &[(&'a Subnet, Cidr)], last: &[IpAddr]) -> Vec<(&'a Subnet, IpAddr, IpAddr)> {
    let whole =
        |&(subnet, range): &(&'a Subnet, Cidr)| (subnet, range.network(), range.broadcast());
    let mut turns: Vec<_> = ranges.iter().map(whole).collect();
    let mark = ranges.iter().enumerate().find_map(|(index, (_, range))| {
        let mark = last.iter().find(|address| range.contains(**address))?;
        Some((index, *mark))
    });
    if let Some((index, mark)) = mark {
        turns.rotate_left(index);
        let (subnet, first, _) = turns[0];
        turns.push((subnet, first, mark));
        turns[0].1 = successor(mark).unwrap_or(first);
    }
    turns
}

/// What no endpoint may have, taken or not.
fn unleasable(subnet: &Subnet) -> Space {
    let mut space: Space = ends(subnet.subnet).into_iter().collect();
    space.extend(subnet.gateway);
    space.extend(subnet.auxiliary_addresses.values().copied());
    space
}

fn with_prefix(address: IpAddr, subnet: &Subnet) -> Cidr {
    Cidr::new(address, subnet.subnet.prefix()).expect("the address is of the subnet's family")
}

#[cfg(test)]
mod tests;
