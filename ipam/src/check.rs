//! What is refused before anything is planned, in the words of libnetwork (api/types/network, `ValidateIPAM`).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use rnet_model::Cidr;

use crate::space::{ends, overlap};
use crate::{Family, IpamError, SubnetRequest};

/// Ranges in which no machine of a network can have its address (IANA special-purpose address registries).
const SPECIAL: [(IpAddr, u8, &str); 6] = [
    (IpAddr::V4(Ipv4Addr::new(127, 0, 0, 0)), 8, "loopback"),
    (IpAddr::V4(Ipv4Addr::new(224, 0, 0, 0)), 4, "multicast"),
    (IpAddr::V6(Ipv6Addr::LOCALHOST), 128, "loopback"),
    (
        IpAddr::V6(Ipv6Addr::new(0, 0, 0, 0, 0, 0xffff, 0, 0)),
        96,
        "IPv4-mapped",
    ),
    (
        IpAddr::V6(Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 0)),
        64,
        "link-local",
    ),
    (
        IpAddr::V6(Ipv6Addr::new(0xff00, 0, 0, 0, 0, 0, 0, 0)),
        8,
        "multicast",
    ),
];

/// Refuses ranges no network can have; `what` they are goes into the error.
pub(crate) fn check_range(what: &'static str, cidr: Cidr) -> Result<(), IpamError> {
    check_bits(what, cidr)?;
    for (address, prefix, purpose) in SPECIAL {
        let special = Cidr::new(address, prefix).expect("the prefix length fits the family");
        if overlap(cidr, special) {
            return Err(IpamError::SpecialRange {
                what,
                cidr,
                special,
                purpose,
            });
        }
    }
    Ok(())
}

/// All that is wrong with an entry by itself, in the order of its fields.
pub fn mistakes(entry: &SubnetRequest) -> Vec<IpamError> {
    let alone =
        entry.ip_range.is_none() && entry.gateway.is_none() && entry.auxiliary_addresses.is_empty();
    match entry.subnet {
        _ if alone && (entry.subnet.is_none() || entry.is_sized_only()) => Vec::new(),
        Some(subnet) if !entry.is_sized_only() => mistakes_in(subnet, entry),
        _ => vec![IpamError::NoSubnet],
    }
}

fn mistakes_in(subnet: Cidr, entry: &SubnetRequest) -> Vec<IpamError> {
    let checks = [
        check_range("subnet", subnet),
        entry
            .ip_range
            .map_or(Ok(()), |range| check_part(range, subnet)),
        entry
            .gateway
            .map_or(Ok(()), |it| check_address("gateway", it, subnet)),
    ];
    let auxiliary = entry.auxiliary_addresses.iter().map(|(name, &address)| {
        check_address(&format!("auxiliary address {name}"), address, subnet)?;
        match entry.gateway == Some(address) {
            true => Err(IpamError::AuxiliaryIsGateway {
                name: name.clone(),
                address,
            }),
            false => Ok(()),
        }
    });
    let checks = checks.into_iter().chain(auxiliary);
    checks.filter_map(Result::err).collect()
}

/// Refuses an ip-range that is not a part of its subnet.
fn check_part(ip_range: Cidr, subnet: Cidr) -> Result<(), IpamError> {
    let family = Family::of_subnet(subnet);
    let outside = |reason| Err(IpamError::RangeOutside { ip_range, reason });
    if Family::of_subnet(ip_range) != family {
        return outside(format!("parent subnet is an {family} block"));
    }
    if ip_range.prefix() < subnet.prefix() {
        return outside(format!(
            "CIDR block is bigger than its parent subnet {subnet}"
        ));
    }
    check_bits("ip-range", ip_range)?;
    match subnet.contains(ip_range.ip()) {
        true => Ok(()),
        false => outside(format!("parent subnet {subnet} doesn't contain ip-range")),
    }
}

/// Refuses an address that is not a machine's in `subnet`; `what` it is goes into the error, with its name if it has
/// one.
pub(crate) fn check_address(what: &str, address: IpAddr, subnet: Cidr) -> Result<(), IpamError> {
    let family = Family::of_subnet(subnet);
    let outside = |reason| {
        Err(IpamError::AddressOutside {
            what: what.to_owned(),
            address,
            reason,
        })
    };
    if Family::of(address) != family {
        return outside(format!("parent subnet is an {family} block"));
    }
    if !subnet.contains(address) {
        return outside(format!(
            "parent subnet {subnet} doesn't contain this address"
        ));
    }
    if ends(subnet).contains(&address) {
        return outside(format!(
            "it stands for {subnet} as a whole, not for a machine in it"
        ));
    }
    Ok(())
}

fn check_bits(what: &'static str, cidr: Cidr) -> Result<(), IpamError> {
    if cidr.ip() == cidr.network() {
        Ok(())
    } else {
        Err(IpamError::HostBits { what, cidr })
    }
}
