//! A network of podman's as one of rnet's.

use std::collections::BTreeMap;

use rnet_model::upper_half;
use serde_json::{Value, json};

use super::document::{Network, Subnet};
use super::error::NetavarkError;
use crate::netd::{CallError, Netd};

/// podman's options of a network, and Docker's labels for the same.
const OPTIONS: [(&str, &str); 5] = [
    ("mtu", "com.docker.network.driver.mtu"),
    (
        "com.docker.network.driver.mtu",
        "com.docker.network.driver.mtu",
    ),
    (
        "com.docker.network.bridge.name",
        "com.docker.network.bridge.name",
    ),
    ("outbound_addr4", "com.docker.network.host_ipv4"),
    ("outbound_addr6", "com.docker.network.host_ipv6"),
];

/// Makes a network of that name, unless somebody was faster.
pub(super) fn create(netd: &Netd, name: &str, network: &Network) -> Result<(), NetavarkError> {
    create_as(netd, name, network, &network.driver)
}

/// The same, by a driver of rnet's.
pub(super) fn create_as(
    netd: &Netd,
    name: &str,
    network: &Network,
    driver: &str,
) -> Result<(), NetavarkError> {
    match netd.post("/networks/create", &request(name, network, driver)?) {
        Err(CallError::Refused { status: 409, .. }) => Ok(()),
        answer => Ok(answer.map(drop)?),
    }
}

/// Refuses what rnet's networks cannot be, whether this one exists or not: an option that is not heeded is a lie.
pub(super) fn check(name: &str, network: &Network) -> Result<(), NetavarkError> {
    let refuse = |what: &str| {
        Err(NetavarkError::Unsupported {
            network: name.to_owned(),
            what: what.to_owned(),
        })
    };
    let ipam = network
        .ipam_options
        .as_ref()
        .and_then(|it| it.get("driver"));
    match ipam.map_or("host-local", String::as_str) {
        "host-local" | "" => {}
        driver => return refuse(&format!("ipam driver {driver}")),
    }
    if network.routes.as_ref().is_some_and(|it| !it.is_empty()) {
        return refuse("static routes");
    }
    if network
        .network_dns_servers
        .as_ref()
        .is_some_and(|it| !it.is_empty())
    {
        return refuse("DNS servers of a network: give them to its containers");
    }
    for (key, value) in network.options.iter().flatten() {
        let known = OPTIONS.iter().any(|(podmans, _)| podmans == key);
        // containers of different networks are apart on rnet in any case
        let meant = matches!(
            (key.as_str(), value.as_str()),
            ("isolate", "true" | "strict") | ("mode", "managed") | ("no_default_route", "false")
        );
        if !known && !meant && !is_own(key) {
            return refuse(&format!("option {key}={value}"));
        }
    }
    Ok(())
}

/// Whether an option is one of rnet's, whose driver has the say.
fn is_own(key: &str) -> bool {
    key.starts_with("com.docker.network.") || key.starts_with("rnet.")
}

fn request(name: &str, network: &Network, driver: &str) -> Result<Value, NetavarkError> {
    check(name, network)?;
    let mut options: BTreeMap<&str, &str> = BTreeMap::new();
    if let Some(bridge) = network
        .network_interface
        .as_deref()
        .filter(|it| !it.is_empty())
    {
        options.insert("com.docker.network.bridge.name", bridge);
    }
    for (key, value) in network.options.iter().flatten() {
        let known = OPTIONS.iter().find(|(podmans, _)| podmans == key);
        let known = known.map(|(_, ours)| *ours);
        options.extend(
            known
                .or(is_own(key).then_some(key))
                .map(|it| (it, value.as_str())),
        );
    }
    let subnets = network.subnets.iter().flatten();
    let ipv6 = network
        .subnets
        .iter()
        .flatten()
        .any(|it| it.subnet.is_ipv6());
    Ok(json!({
        "Name": name,
        "Driver": driver,
        "EnableIPv6": network.ipv6_enabled || ipv6,
        "Internal": network.internal,
        "Options": options,
        "Labels": network.labels,
        "IPAM": {"Config": subnets.map(subnet).collect::<Vec<_>>()},
    }))
}

fn subnet(subnet: &Subnet) -> Value {
    let gateway = subnet.gateway.map(|it| it.to_string());
    // podman leases from below
    let own = upper_half(subnet.subnet).map(|it| it.to_string());
    json!({
        "Subnet": subnet.subnet.to_string(),
        "Gateway": gateway.unwrap_or_default(),
        "IPRange": own.unwrap_or_default(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_not_be_heeded_is_refused() {
        let with = |more: &str| {
            let text = format!(r#"{{"driver":"bridge"{more}}}"#);
            check("n", &serde_json::from_str(&text).unwrap()).map_err(|it| it.to_string())
        };
        assert_eq!(
            with(r#","options":{"mtu":"1400","isolate":"true"}"#),
            Ok(())
        );
        for (more, word) in [
            (r#","options":{"vlan":"5"}"#, "vlan=5"),
            (r#","options":{"isolate":"false"}"#, "isolate=false"),
            (r#","ipam_options":{"driver":"dhcp"}"#, "ipam driver dhcp"),
            (
                r#","routes":[{"destination":"10.0.0.0/8"}]"#,
                "static routes",
            ),
        ] {
            let refusal = with(more).unwrap_err();
            assert!(refusal.contains(word), "{refusal}");
        }
    }
}
