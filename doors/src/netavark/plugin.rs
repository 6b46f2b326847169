//! A plugin of netavark's, for a podman that keeps its netavark (netavark, plugin-API.md, version 1.0.0).
//!
//! Its name is the driver that podman is told: `rnet`, or `rnet-DRIVER` for another driver of rnet's than `bridge`.

use std::io::Read;
use std::path::Path;

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::document::{Document, Endpoint, Network, PortMapping};
use super::error::NetavarkError;
use super::{network, setup};
use crate::netd::{CallError, segment};
use crate::sandboxes::Sandboxes;

/// The version of the interface between netavark and its plugins.
const API_VERSION: &str = "1.0.0";

/// What comes on the standard input of `setup` and `teardown`.
#[derive(Deserialize)]
struct Wish {
    container_id: String,
    container_name: String,
    #[serde(default)]
    port_mappings: Option<Vec<PortMapping>>,
    network: Named,
    network_options: Endpoint,
}

#[derive(Deserialize)]
struct Named {
    name: String,
    #[serde(flatten)]
    network: Network,
}

/// What a plugin says of itself.
pub(super) fn info() -> Value {
    json!({"version": env!("CARGO_PKG_VERSION"), "api_version": API_VERSION})
}

/// The driver of rnet's that a plugin of that name stands for.
pub(super) fn driver(name: &str) -> Option<&str> {
    match name.strip_prefix("rnet")? {
        "" => Some("bridge"),
        "-netavark" => None,
        rest => rest.strip_prefix('-').filter(|it| !it.is_empty()),
    }
}

/// Makes a network of rnet's; the network as podman described it, with the subnets that it has.
pub(super) fn create(
    sandboxes: &Sandboxes,
    driver: &str,
    input: impl Read,
) -> Result<Value, NetavarkError> {
    let read = serde_json::from_reader::<_, Map<String, Value>>(input);
    let mut described = read.map_err(|source| NetavarkError::Read { source })?;
    let parsed = serde_json::from_value::<Named>(described.clone().into());
    let named = parsed.map_err(|source| NetavarkError::Read { source })?;
    let netd = sandboxes.netd();
    network::create_as(netd, &named.name, &named.network, driver)?;
    let shown = netd.get(&format!("/networks/{}", segment(&named.name)))?;
    let configs = shown["IPAM"]["Config"].as_array().into_iter().flatten();
    let subnets = configs.map(|it| json!({"subnet": it["Subnet"], "gateway": it["Gateway"]}));
    described.insert("subnets".to_owned(), subnets.collect());
    described.insert("ipv6_enabled".to_owned(), shown["EnableIPv6"].clone());
    described.insert("dns_enabled".to_owned(), true.into());
    let ipam = described.entry("ipam_options").or_insert(Value::Null);
    if ipam.is_null() {
        *ipam = json!({"driver": "host-local"});
    }
    Ok(described.into())
}

/// Attaches a container to the network, which is made where it is not there yet.
pub(super) fn setup(
    sandboxes: &Sandboxes,
    driver: &str,
    namespace: &Path,
    input: impl Read,
) -> Result<Value, NetavarkError> {
    let (name, document) = read(driver, input)?;
    let mut status = setup::setup(sandboxes, namespace, &document)?;
    Ok(status[name].take())
}

/// Detaches a container from the network.
pub(super) fn teardown(
    sandboxes: &Sandboxes,
    driver: &str,
    input: impl Read,
) -> Result<(), NetavarkError> {
    let (_, document) = read(driver, input)?;
    match setup::teardown(sandboxes, &document) {
        Err(NetavarkError::Netd(CallError::Refused { status: 404, .. })) => Ok(()),
        done => done,
    }
}

/// The document as netavark itself would be given it, of one network.
fn read(driver: &str, input: impl Read) -> Result<(String, Document), NetavarkError> {
    let read = serde_json::from_reader::<_, Wish>(input);
    let wish = read.map_err(|source| NetavarkError::Read { source })?;
    let Named { name, mut network } = wish.network;
    network.driver = driver.to_owned();
    // rnet's resolver is there on every network
    network.dns_enabled = true;
    let document = Document {
        container_id: wish.container_id,
        container_name: wish.container_name,
        container_hostname: None,
        port_mappings: wish.port_mappings,
        dns_servers: None,
        networks: [(name.clone(), wish.network_options)].into(),
        network_info: [(name.clone(), network)].into(),
    };
    Ok((name, document))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plugin_s_name_tells_its_driver() {
        assert_eq!(driver("rnet"), Some("bridge"));
        assert_eq!(driver("rnet-overlay"), Some("overlay"));
        for none in ["rnet-netavark", "netavark", "rnetted", "rnet-"] {
            assert_eq!(driver(none), None, "{none}");
        }
    }
}
