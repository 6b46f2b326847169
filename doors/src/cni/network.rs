//! The network that a configuration describes, made on first use.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::config::{Config, Dns, Subnet};
use super::error::{CniError, Code};
use super::reference::subnet_of;
use crate::netd::{CallError, Netd, segment};

/// The network that is attached to, and how.
#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub(super) struct Wanted {
    /// One that exists; without it one of the configuration's name is made on first use, as the rest describes it.
    pub(super) network: Option<String>,
    pub(super) driver: Option<String>,
    pub(super) subnets: Vec<Subnet>,
    pub(super) ipv6: bool,
    pub(super) internal: bool,
    pub(super) options: BTreeMap<String, String>,
    pub(super) labels: BTreeMap<String, String>,
    /// Whether the runtime binds the host's ports itself, as podman does.
    pub(super) holds_ports: bool,
    /// What only other plugins need.
    pub(super) ipam: Option<Map<String, Value>>,
    /// Where the configuration says so beside `dns`.
    #[serde(skip)]
    pub(super) dns: Option<Dns>,
}

impl Wanted {
    /// The network of rnet's that is meant.
    pub(super) fn name<'a>(&'a self, config: &'a Config) -> &'a str {
        self.network.as_deref().unwrap_or(&config.name)
    }
}

/// Makes the network that a configuration describes, unless it exists, or only another was to make it.
pub(super) fn ensure(netd: &Netd, config: &Config, wanted: &Wanted) -> Result<(), CniError> {
    if let Some(name) = &wanted.network {
        let message = format!(
            "network {name} not found: make it (rnet network create {name}), or leave out \"network\" to have one made"
        );
        return Err(CniError::new(Code::InvalidConfig, message));
    }
    match netd.post("/networks/create", &request(config, wanted)?) {
        // another container was faster
        Err(CallError::Refused { status: 409, .. }) => Ok(()),
        answer => Ok(answer.map(drop)?),
    }
}

/// Whether the network exists.
pub(super) fn exists(netd: &Netd, name: &str) -> Result<bool, CniError> {
    match netd.get(&format!("/networks/{}", segment(name))) {
        Err(CallError::Refused { status: 404, .. }) => Ok(false),
        answer => Ok(answer.map(|_| true)?),
    }
}

fn request(config: &Config, wanted: &Wanted) -> Result<Value, CniError> {
    let ranges = config.runtime_config.ip_ranges.iter().flatten();
    let ranges = ranges.map(subnet_of).collect::<Result<Vec<_>, _>>()?;
    let subnets: Vec<_> = wanted.subnets.iter().chain(&ranges).collect();
    let shown = subnets.iter().map(|it| subnet(it));
    Ok(json!({
        "Name": wanted.name(config),
        "Driver": wanted.driver,
        "EnableIPv6": wanted.ipv6 || subnets.iter().any(|it| it.subnet.contains(':')),
        "Internal": wanted.internal,
        "Options": wanted.options,
        "Labels": wanted.labels,
        "IPAM": {"Config": shown.collect::<Vec<_>>()},
    }))
}

fn subnet(subnet: &Subnet) -> Value {
    json!({
        "Subnet": subnet.subnet,
        "Gateway": subnet.gateway.as_deref().unwrap_or_default(),
        "IPRange": subnet.ip_range.as_deref().unwrap_or_default(),
    })
}
