//! What is refused before anything is planned.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use rnet_model::Cidr;

use crate::space::{ends, overlap};
use crate::{IpamError, SubnetRequest};

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

/// Refuses a subnet that cannot be a network's, and parts that do not lie in it.
pub(crate) fn check_entry(subnet: Cidr, entry: &SubnetRequest) -> Result<(), IpamError> {
    check_range("subnet", subnet)?;
    if let Some(ip_range) = entry.ip_range {
        check_bits("ip-range", ip_range)?;
        if !subnet.contains(ip_range.ip()) || ip_range.prefix() < subnet.prefix() {
            return Err(IpamError::RangeOutside { ip_range, subnet });
        }
    }
    if let Some(gateway) = entry.gateway {
        check_address("gateway", gateway, subnet)?;
    }
    for (name, &address) in &entry.auxiliary_addresses {
        check_address("auxiliary address", address, subnet)?;
        if entry.gateway == Some(address) {
            return Err(IpamError::AuxiliaryIsGateway {
                name: name.clone(),
                address,
            });
        }
    }
    Ok(())
}

/// Refuses an address that is not a machine's in `subnet`.
pub(crate) fn check_address(
    what: &'static str,
    address: IpAddr,
    subnet: Cidr,
) -> Result<(), IpamError> {
    if !subnet.contains(address) {
        return Err(IpamError::AddressOutside {
            what,
            address,
            subnet,
        });
    }
    if ends(subnet).contains(&address) {
        return Err(IpamError::EndOfSubnet {
            what,
            address,
            subnet,
        });
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
