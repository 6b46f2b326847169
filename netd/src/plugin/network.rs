//! Networks of dockerd's: each is one of rnet's, made for it or joined.
//!
//! The network made for one of dockerd's has its id. A label on the network of rnet's says which of dockerd's are on
//! it, and who leads their containers out: so that is on record, and asked of nobody after a restart.

use std::collections::{BTreeMap, HashMap};
use std::str::FromStr;

use axum::Router;
use rnet_ipam::SubnetRequest;
use rnet_model::{Network, NetworkId, upper_half};
use serde::Deserialize;
use serde_json::{Value, json};

use super::ipam::ADDRESS_SPACE;
use super::wire::{Nothing, address, cidr};
use super::{Plugin, driver};
use crate::daemon::NetworkRequest;
use crate::error::{Class, Error, Result};

/// The network of rnet's to join, or the name of the one to make.
const NETWORK: &str = "rnet.network";

/// Who leads containers out and publishes their ports: `rnet`, or `docker` by its own bridge `docker_gwbridge`.
const GATEWAY: &str = "rnet.gateway";

/// What a network of dockerd's is recorded by; its id follows.
const LABEL: &str = "rnet.docker.network.";

pub(super) fn routes() -> Router<Plugin> {
    Router::new()
        .route("/NetworkDriver.GetCapabilities", driver(capabilities))
        .route("/NetworkDriver.CreateNetwork", driver(create))
        .route("/NetworkDriver.DeleteNetwork", driver(delete))
        .route("/NetworkDriver.AllocateNetwork", driver(allocate))
        .route("/NetworkDriver.FreeNetwork", driver(nothing))
        .route("/NetworkDriver.DiscoverNew", driver(nothing))
        .route("/NetworkDriver.DiscoverDelete", driver(nothing))
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct CreateNetwork {
    #[serde(rename = "NetworkID")]
    id: String,
    #[serde(default)]
    options: Option<HashMap<String, Value>>,
    #[serde(rename = "IPv4Data", default)]
    v4: Option<Vec<IpamData>>,
    #[serde(rename = "IPv6Data", default)]
    v6: Option<Vec<IpamData>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", default)]
#[derive(Default)]
struct IpamData {
    address_space: String,
    pool: String,
    gateway: String,
    aux_addresses: Option<BTreeMap<String, String>>,
}

#[derive(Deserialize)]
struct DeleteNetwork {
    #[serde(rename = "NetworkID")]
    id: String,
}

/// A network of rnet's that one of dockerd's is.
pub(super) struct Known {
    pub(super) network: Network,
    /// Whether dockerd leads its containers out itself.
    pub(super) led_by_docker: bool,
}

/// The network of rnet's that one of dockerd's is.
pub(super) fn find(plugin: &Plugin, id: &str) -> Result<Known> {
    let label = label(id);
    let found = plugin.daemon.read(|state| {
        let mut networks = state.networks();
        networks.find_map(|network| {
            let gateway = network.labels.get(&label)?;
            Some(Known {
                network: network.clone(),
                led_by_docker: gateway == "docker",
            })
        })
    });
    found.ok_or_else(|| Error::no_such_network(id))
}

fn capabilities(_: &Plugin, _: Nothing) -> Result<Value> {
    Ok(json!({"Scope": "local", "ConnectivityScope": "local", "GwAllocChecker": false}))
}

fn create(plugin: &Plugin, asked: CreateNetwork) -> Result<Nothing> {
    if find(plugin, &asked.id).is_ok() {
        return Ok(Nothing {});
    }
    let options = asked.options.unwrap_or_default();
    let mut own = strings(options.get("com.docker.network.generic"));
    let internal = options.get("com.docker.network.internal") == Some(&Value::Bool(true));
    let gateway = own.remove(GATEWAY).unwrap_or_else(|| "rnet".to_owned());
    if !["rnet", "docker"].contains(&gateway.as_str()) {
        return Err(Error::invalid(format!(
            "invalid value {gateway:?} of option {GATEWAY}: rnet or docker is expected"
        )));
    }
    let (v4, v6) = (asked.v4.unwrap_or_default(), asked.v6.unwrap_or_default());
    let data = v4.iter().chain(&v6);
    let subnets = data.map(subnet).collect::<Result<Vec<_>>>()?;
    let name = own.remove(NETWORK);
    let present = name.as_deref().map(|name| plugin.daemon.find_network(name));
    if let Some(Ok(network)) = present {
        may_join(&network, &subnets, &own)?;
        let joined = Some(gateway.as_str());
        plugin
            .daemon
            .label_network(network.id, &label(&asked.id), joined)?;
        return Ok(Nothing {});
    }
    let id = NetworkId::from_str(&asked.id)
        .map_err(|_| Error::invalid(format!("invalid network id {:?}", asked.id)))?;
    let request = NetworkRequest {
        name: name.unwrap_or_else(|| format!("docker-{}", id.short())),
        enable_ipv4: Some(!v4.is_empty()),
        enable_ipv6: Some(!v6.is_empty()),
        internal,
        subnets,
        options: own,
        labels: BTreeMap::from([(label(&asked.id), gateway)]),
        ..NetworkRequest::default()
    };
    plugin.daemon.create_network_as(id, request)?;
    Ok(Nothing {})
}

/// A network that was made for dockerd goes; one that others made, or have containers on, stays without it.
///
/// dockerd forgets its network whatever it is answered (libnetwork, `network.go`, `deleteNetwork`).
fn delete(plugin: &Plugin, asked: DeleteNetwork) -> Result<Nothing> {
    let Ok(Known { network, .. }) = find(plugin, &asked.id) else {
        return Ok(Nothing {});
    };
    let is_own = network.id.to_string() == asked.id;
    match is_own.then(|| plugin.daemon.delete_network(&asked.id)) {
        None => {}
        Some(Err(refusal)) if refusal.class() == Class::Forbidden => {
            let why = refusal.chain();
            tracing::info!("network {} stays, without dockerd: {why}", network.name);
        }
        Some(deleted) => return deleted.map(|()| Nothing {}),
    }
    plugin
        .daemon
        .label_network(network.id, &label(&asked.id), None)?;
    Ok(Nothing {})
}

/// Asked by managers of a swarm, for networks of which rnet has none.
fn allocate(_: &Plugin, _: Value) -> Result<Value> {
    Err(Error::Unsupported(
        "rnet's networks are of one host: create them outside the swarm".to_owned(),
    ))
}

fn nothing(_: &Plugin, _: Value) -> Result<Nothing> {
    Ok(Nothing {})
}

/// dockerd hands addresses out of what it believes the subnets to be.
fn may_join(
    network: &Network,
    asked: &[SubnetRequest],
    options: &BTreeMap<String, String>,
) -> Result<()> {
    if let Some(option) = options.keys().next() {
        return Err(Error::invalid(format!(
            "option {option} cannot be given: network {} exists already, with its own",
            network.name
        )));
    }
    let has = |it: &SubnetRequest| {
        let mut subnets = network.subnets.iter();
        subnets.any(|own| Some(own.subnet) == it.subnet && own.gateway == it.gateway)
    };
    if asked.iter().all(has) {
        return Ok(());
    }
    let subnets = network.subnets.iter().map(|it| it.subnet.to_string());
    Err(Error::Conflict(format!(
        "network {} has other subnets or gateways: give it --ipam-driver rnet, and --subnet {}",
        network.name,
        subnets.collect::<Vec<_>>().join(" --subnet ")
    )))
}

fn subnet(data: &IpamData) -> Result<SubnetRequest> {
    let subnet = cidr(&data.pool)?;
    let auxiliary = data.aux_addresses.iter().flatten();
    let auxiliary = auxiliary.filter_map(|(name, text)| {
        let address = address(text).transpose()?;
        Some(address.map(|address| (name.clone(), address)))
    });
    let others = data.address_space != ADDRESS_SPACE;
    Ok(SubnetRequest {
        subnet,
        // another IPAM driver counts up from below
        ip_range: subnet.filter(|_| others).and_then(upper_half),
        gateway: address(&data.gateway)?,
        auxiliary_addresses: auxiliary.collect::<Result<_>>()?,
    })
}

fn strings(options: Option<&Value>) -> BTreeMap<String, String> {
    let options = options.and_then(Value::as_object).into_iter().flatten();
    let options =
        options.filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned())));
    options.collect()
}

fn label(id: &str) -> String {
    format!("{LABEL}{id}")
}
