//! The network that a configuration describes, made on first use.

use serde_json::{Value, json};

use super::config::{Config, Subnet};
use super::error::{CniError, Code};
use crate::netd::{CallError, Netd, segment};

/// Makes the network that a configuration describes, unless it exists, or only another was to make it.
pub(super) fn ensure(netd: &Netd, config: &Config) -> Result<(), CniError> {
    let name = config.network_name();
    if config.network.is_some() {
        let message = format!(
            "network {name} not found: make it (rnet network create {name}), or leave out \"network\" to have one made"
        );
        return Err(CniError::new(Code::InvalidConfig, message));
    }
    match netd.post("/networks/create", &request(config)) {
        // another container was faster
        Err(CallError::Refused { status: 409, .. }) => Ok(()),
        answer => Ok(answer.map(drop)?),
    }
}

/// Whether the network exists.
pub(super) fn exists(netd: &Netd, config: &Config) -> Result<bool, CniError> {
    let path = format!("/networks/{}", segment(config.network_name()));
    match netd.get(&path) {
        Err(CallError::Refused { status: 404, .. }) => Ok(false),
        answer => Ok(answer.map(|_| true)?),
    }
}

fn request(config: &Config) -> Value {
    let wanted = &config.wanted;
    let subnets = wanted.subnets.iter().map(subnet);
    json!({
        "Name": config.network_name(),
        "Driver": wanted.driver,
        "EnableIPv6": wanted.ipv6 || wanted.subnets.iter().any(|it| it.subnet.contains(':')),
        "Internal": wanted.internal,
        "Options": wanted.options,
        "Labels": wanted.labels,
        "IPAM": {"Config": subnets.collect::<Vec<_>>()},
    })
}

fn subnet(subnet: &Subnet) -> Value {
    json!({
        "Subnet": subnet.subnet,
        "Gateway": subnet.gateway.as_deref().unwrap_or_default(),
        "IPRange": subnet.ip_range.as_deref().unwrap_or_default(),
    })
}
