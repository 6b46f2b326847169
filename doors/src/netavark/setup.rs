//! Attaching a container to networks, and detaching it.

use std::path::Path;

use serde_json::{Map, Value, json};

use super::document::Document;
use super::error::NetavarkError;
use super::{network, request};
use crate::netd::CallError;
use crate::resolv_conf::ResolvConf;
use crate::sandboxes::{Address, Sandboxes, addresses, place};

/// Attaches a container to all its networks, which are made where they are not there yet, or to none.
pub(super) fn setup(
    sandboxes: &Sandboxes,
    namespace: &Path,
    document: &Document,
) -> Result<Value, NetavarkError> {
    for place in document.places() {
        let (name, _, network) = place?;
        network::check(name, network)?;
    }
    let request = request::of(namespace, document)?;
    let sandbox = match sandboxes.attach(&request) {
        Err(CallError::Refused { status: 404, .. }) => {
            for place in document.places() {
                let (name, _, network) = place?;
                network::create(sandboxes.netd(), name, network)?;
            }
            sandboxes.attach(&request)?
        }
        answer => answer?,
    };
    status(document, &sandbox)
}

/// Detaches a container from networks; goes on after a failure.
pub(super) fn teardown(sandboxes: &Sandboxes, document: &Document) -> Result<(), NetavarkError> {
    let places = document.networks.values();
    let failed = places.filter_map(|place| {
        let detached = sandboxes.detach(&document.container_id, &place.interface_name);
        detached.err().map(NetavarkError::from)
    });
    NetavarkError::all(failed.collect())
}

/// What podman keeps of each network: the interface, and who answers names.
fn status(document: &Document, sandbox: &Value) -> Result<Value, NetavarkError> {
    let conf = ResolvConf::parse(sandbox["ResolvConf"].as_str().unwrap_or_default());
    let mut status = Map::new();
    for attached in document.places() {
        let (name, endpoint, network) = attached?;
        let place = place(sandbox, &endpoint.interface_name).unwrap_or(&Value::Null);
        let leads_out = place["Internal"] == false;
        let subnets = addresses(place).into_iter().map(|Address { cidr, gateway }| {
            json!({"ipnet": cidr, "gateway": gateway.filter(|_| leads_out)})
        });
        let interface = json!({
            "mac_address": place["MacAddress"],
            "subnets": subnets.collect::<Vec<_>>(),
        });
        let servers = match network.dns_enabled {
            true => conf.nameservers.clone(),
            false => document.dns_servers.clone().unwrap_or_default(),
        };
        let shown = json!({
            "dns_search_domains": [],
            "dns_server_ips": servers,
            "interfaces": {endpoint.interface_name.as_str(): interface},
        });
        status.insert(name.to_owned(), shown);
    }
    Ok(status.into())
}
