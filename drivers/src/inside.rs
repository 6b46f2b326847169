//! What an endpoint's interface is given inside its sandbox, whatever kind of link it is.

use std::iter::once;

use rnet_model::{Endpoint, HostFacts, IfName, InterfaceSysctl, Object, Resource};

use crate::DriverError;

/// Its addresses and variables, and that it is up: in this order.
pub(crate) fn inside(
    endpoint: &Endpoint,
    facts: &HostFacts,
) -> Result<impl Iterator<Item = Resource>, DriverError> {
    let ifname = &endpoint.ifname;
    let own = endpoint.addresses.iter().copied();
    let addresses = own.chain(endpoint.settings.link_local_cidrs());
    let addresses = addresses.map(|cidr| Object::Address {
        link: ifname.clone(),
        cidr,
    });
    let asked = InterfaceSysctl::of(&endpoint.settings)?;
    let objects: Vec<_> = endpoint_sysctls(endpoint, facts)
        .into_iter()
        .chain(addresses)
        .chain(asked.iter().map(|sysctl| sysctl.on(ifname)))
        .chain(once(Object::Up(ifname.clone())))
        .collect();
    let sandbox = endpoint.sandbox;
    Ok(objects
        .into_iter()
        .map(move |object| Resource::sandbox(sandbox, object)))
}

fn endpoint_sysctls(endpoint: &Endpoint, facts: &HostFacts) -> Vec<Object> {
    let own = endpoint.addresses.iter().copied();
    let mut addresses = own.chain(endpoint.settings.link_local_cidrs());
    ipv6_sysctls(&endpoint.ifname, addresses.any(|it| it.is_ipv6()), facts)
}

/// IPv6 is off where it was not asked for; where it is on, nobody on the link may change the link's routes.
pub(crate) fn ipv6_sysctls(link: &IfName, enable: bool, facts: &HostFacts) -> Vec<Object> {
    let on = |key, value| sysctl(format!("net/ipv6/conf/{link}/{key}"), value);
    match (facts.ipv6, enable) {
        (false, _) => Vec::new(),
        (true, false) => vec![on("disable_ipv6", "1")],
        (true, true) => vec![on("disable_ipv6", "0"), on("accept_ra", "0")],
    }
}

pub(crate) fn sysctl(key: String, value: &str) -> Object {
    Object::Sysctl {
        key,
        value: value.to_owned(),
    }
}
