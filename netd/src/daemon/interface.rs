//! What a new interface is called inside its sandbox, and its hardware address.

use std::net::IpAddr;

use rnet_drivers::Driver;
use rnet_model::{
    Cidr, Endpoint, EndpointSettings, IfName, InvalidIfName, MacAddress, Network, NetworkId,
};

use super::network::refused_by;
use super::random_bytes;
use crate::error::{Error, Result};

/// The endpoint option that names the interface inside the sandbox (Docker Engine API 1.49).
pub(super) const IFNAME_OPTION: &str = "com.docker.network.endpoint.ifname";

/// The same for whoever is given an address next, so that neighbours who still know it are right.
pub(super) fn hardware_address(network: NetworkId, addresses: &[Cidr]) -> MacAddress {
    let [first, second, ..] = network.bytes();
    let mut bytes = [first, second, 0, 0, 0, 0];
    let address = match addresses.first().map(|cidr| cidr.ip()) {
        Some(IpAddr::V4(address)) => address.octets().to_vec(),
        Some(IpAddr::V6(address)) => address.octets().to_vec(),
        None => random_bytes::<4>().to_vec(),
    };
    for (index, byte) in address.into_iter().enumerate() {
        bytes[2 + index % 4] ^= byte;
    }
    MacAddress::local(bytes)
}

/// The name asked for, or the network's prefix with the lowest number that no interface of the sandbox has and none of
/// those in the making has `asked` for.
pub(super) fn ifname<'a>(
    driver: &dyn Driver,
    network: &Network,
    settings: &EndpointSettings,
    present: impl Iterator<Item = &'a Endpoint> + Clone,
    asked: &[&str],
) -> Result<IfName> {
    let name = match settings.driver_options.get(IFNAME_OPTION) {
        Some(name) if is_free(name, present.clone()) => name.clone(),
        Some(name) => {
            let taken =
                format!("interface name {name} is taken by another network of the container");
            return Err(Error::Conflict(taken));
        }
        None => {
            let prefix = driver
                .interface_prefix(network)
                .map_err(refused_by(driver, network))?;
            return numbered(&prefix, present, asked);
        }
    };
    parse(&name)
}

/// The prefix with the lowest number that is free in the same way.
pub(super) fn numbered<'a>(
    prefix: &str,
    present: impl Iterator<Item = &'a Endpoint> + Clone,
    asked: &[&str],
) -> Result<IfName> {
    let mut names = (0..).map(|number| format!("{prefix}{number}"));
    let name = names
        .find(|name| is_free(name, present.clone()) && !asked.contains(&name.as_str()))
        .expect("there are more numbers than interfaces");
    parse(&name)
}

fn is_free<'a>(name: &str, mut present: impl Iterator<Item = &'a Endpoint>) -> bool {
    present.all(|endpoint| endpoint.ifname.as_str() != name)
}

fn parse(name: &str) -> Result<IfName> {
    name.parse()
        .map_err(|error: InvalidIfName| Error::invalid(error.to_string()))
}
