//! Addresses for dockerd: rnet's own, so that no two runtimes on a network are given the same.
//!
//! A pool's id is its subnet, and the range in it that addresses come from; what is taken of it is what the network's
//! endpoints have. Nothing has to be released, and nothing is lost with a dockerd that ends in between.

use std::collections::{BTreeSet, HashMap};

use axum::Router;
use rnet_ipam::SubnetRequest;
use rnet_model::{Cidr, Network};
use serde::Deserialize;
use serde_json::{Value, json};

use super::wire::{Nothing, address, cidr};
use super::{Plugin, ipam};
use crate::error::{Error, Result};

/// Where rnet's subnets are, in the protocol's words.
pub(super) const ADDRESS_SPACE: &str = "rnet";

const GATEWAY: &str = "com.docker.network.gateway";

pub(super) fn routes() -> Router<Plugin> {
    Router::new()
        .route("/IpamDriver.GetCapabilities", ipam(capabilities))
        .route("/IpamDriver.GetDefaultAddressSpaces", ipam(spaces))
        .route("/IpamDriver.RequestPool", ipam(request_pool))
        .route("/IpamDriver.ReleasePool", ipam(release_pool))
        .route("/IpamDriver.RequestAddress", ipam(request_address))
        .route("/IpamDriver.ReleaseAddress", ipam(release_address))
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
struct RequestPool {
    pool: String,
    sub_pool: String,
    v6: bool,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
struct PoolCall {
    #[serde(rename = "PoolID")]
    pool: String,
    address: String,
    options: Option<HashMap<String, String>>,
}

fn capabilities(_: &Plugin, _: Nothing) -> Result<Value> {
    Ok(json!({"RequiresMACAddress": false, "RequiresRequestReplay": false}))
}

fn spaces(_: &Plugin, _: Nothing) -> Result<Value> {
    Ok(json!({
        "LocalDefaultAddressSpace": ADDRESS_SPACE,
        "GlobalDefaultAddressSpace": format!("{ADDRESS_SPACE}-global"),
    }))
}

/// A subnet that is asked for and is that of a network already is for joining it, as [`super::network`] decides.
fn request_pool(plugin: &Plugin, asked: RequestPool) -> Result<Value> {
    let (wanted, range) = (cidr(&asked.pool)?, cidr(&asked.sub_pool)?);
    let present = wanted.and_then(|subnet| Some((subnet, network(plugin, subnet)?)));
    let (subnet, gateway) = match present {
        Some((subnet, network)) => {
            let mut subnets = network.subnets.iter().filter(|it| it.subnet == subnet);
            (subnet, subnets.find_map(|it| it.gateway))
        }
        None => {
            let request = SubnetRequest {
                subnet: wanted,
                ip_range: range,
                ..SubnetRequest::default()
            };
            let mut promised = plugin.promised();
            // a dockerd that was killed in between asks for its own again
            let beside = if wanted.is_some() {
                BTreeSet::new()
            } else {
                promised.clone()
            };
            let planned = plugin.daemon.plan_pool(request, !asked.v6, &beside)?;
            promised.insert(planned.subnet);
            (planned.subnet, planned.gateway)
        }
    };
    let gateway = gateway.and_then(|it| Cidr::new(it, subnet.prefix()).ok());
    let data = gateway.map_or_else(|| json!({}), |it| json!({ GATEWAY: it.to_string() }));
    let id = match range {
        Some(range) => format!("{subnet}@{range}"),
        None => subnet.to_string(),
    };
    Ok(json!({"PoolID": id, "Pool": subnet.to_string(), "Data": data}))
}

fn release_pool(plugin: &Plugin, call: PoolCall) -> Result<Nothing> {
    let (subnet, _) = pool(&call.pool)?;
    plugin.promised().remove(&subnet);
    Ok(Nothing {})
}

/// Before there is a network, an address is the gateway's or set aside: whatever is asked for.
fn request_address(plugin: &Plugin, call: PoolCall) -> Result<Value> {
    let (subnet, range) = pool(&call.pool)?;
    let wanted = address(&call.address)?;
    let options = call.options.unwrap_or_default();
    let is_gateway = options
        .get("RequestAddressType")
        .is_some_and(|it| it == GATEWAY);
    let given = match (network(plugin, subnet).filter(|_| !is_gateway), wanted) {
        (Some(network), wanted) => plugin
            .daemon
            .lease_address(network.id, subnet, range, wanted)?,
        (None, Some(address)) if subnet.contains(address) => Cidr::new(address, subnet.prefix())
            .map_err(|error| Error::invalid(error.to_string()))?,
        (None, _) => {
            return Err(Error::invalid(format!(
                "no address of {subnet} can be given: an address of it, or a network that has it, is needed"
            )));
        }
    };
    Ok(json!({"Address": given.to_string(), "Data": {}}))
}

/// What is free follows from the endpoints.
fn release_address(_: &Plugin, _: PoolCall) -> Result<Nothing> {
    Ok(Nothing {})
}

impl Plugin {
    fn promised(&self) -> std::sync::MutexGuard<'_, BTreeSet<Cidr>> {
        let promised = self.promised.lock();
        promised.unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

/// The network that has a subnet.
fn network(plugin: &Plugin, subnet: Cidr) -> Option<Network> {
    plugin.daemon.read(|state| {
        let mut networks = state.networks();
        let found = networks.find(|it| it.subnets.iter().any(|own| own.subnet == subnet));
        found.filter(|it| !it.config_only).cloned()
    })
}

/// The subnet of a pool, and the range of it that addresses come from.
fn pool(id: &str) -> Result<(Cidr, Option<Cidr>)> {
    let (subnet, range) = id.split_once('@').unwrap_or((id, ""));
    let subnet = cidr(subnet)?;
    let subnet = subnet.ok_or_else(|| Error::invalid("the id of a pool is missing"))?;
    Ok((subnet, cidr(range)?))
}
