//! Endpoints of dockerd's: guests that take their interface themselves.

use std::collections::HashMap;
use std::net::IpAddr;

use axum::Router;
use rnet_drivers::driver as network_driver;
use rnet_model::{Endpoint, EndpointSettings, Network, Sandbox};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::network::{self, Known};
use super::wire::{Nothing, address};
use super::{Plugin, driver};
use crate::daemon::GuestRequest;
use crate::error::{Class, Error, Result};

/// What the guests' runtime is called.
pub(super) const RUNTIME: &str = "docker";

/// The endpoint option that says what a container is called on its network: libnetwork does not tell its name.
const NAME: &str = "rnet.name";

pub(super) fn routes() -> Router<Plugin> {
    Router::new()
        .route("/NetworkDriver.CreateEndpoint", driver(create))
        .route("/NetworkDriver.EndpointOperInfo", driver(info))
        .route("/NetworkDriver.Join", driver(join))
        .route("/NetworkDriver.Leave", driver(leave))
        .route("/NetworkDriver.DeleteEndpoint", driver(delete))
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Call {
    #[serde(rename = "NetworkID")]
    network: String,
    #[serde(rename = "EndpointID")]
    pub(super) endpoint: String,
    #[serde(default)]
    interface: Option<Interface>,
    #[serde(default)]
    pub(super) options: Option<HashMap<String, Value>>,
}

/// An interface: empty words stand for what is not decided yet.
#[derive(Deserialize, Serialize, Default)]
#[serde(rename_all = "PascalCase", default)]
struct Interface {
    #[serde(skip_serializing_if = "String::is_empty")]
    address: String,
    #[serde(rename = "AddressIPv6", skip_serializing_if = "String::is_empty")]
    address_v6: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    mac_address: String,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Created {
    interface: Interface,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Joined {
    interface_name: InterfaceName,
    gateway: String,
    #[serde(rename = "GatewayIPv6")]
    gateway_v6: String,
    static_routes: [(); 0],
    /// Otherwise dockerd gives containers without a gateway one of its own.
    disable_gateway_service: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct InterfaceName {
    src_name: String,
    dst_prefix: String,
}

/// Answers what dockerd left open, and nothing else: it refuses to be told again what it said.
fn create(plugin: &Plugin, call: Call) -> Result<Created> {
    let Known { network, .. } = network::find(plugin, &call.network)?;
    let asked = call.interface.unwrap_or_default();
    let made = match find(plugin, &call.endpoint) {
        Ok((_, endpoint)) => endpoint,
        Err(_) => {
            let request = request(&network, &call.endpoint, &asked, call.options.as_ref())?;
            plugin.daemon.create_guest(request)?;
            find(plugin, &call.endpoint)?.1
        }
    };
    let address = |v4: bool| {
        let mut addresses = made.addresses.iter();
        let found = addresses.find(|it| it.is_ipv4() == v4);
        found.map_or_else(String::new, ToString::to_string)
    };
    let open = |asked: &str, own: String| if asked.is_empty() { own } else { String::new() };
    Ok(Created {
        interface: Interface {
            address: open(&asked.address, address(true)),
            address_v6: open(&asked.address_v6, address(false)),
            mac_address: open(&asked.mac_address, made.mac.to_string()),
        },
    })
}

fn info(plugin: &Plugin, call: Call) -> Result<Value> {
    let (_, endpoint) = find(plugin, &call.endpoint)?;
    Ok(json!({"Value": {"MacAddress": endpoint.mac.to_string()}}))
}

fn join(plugin: &Plugin, call: Call) -> Result<Joined> {
    let known = network::find(plugin, &call.network)?;
    let (_, endpoint) = find(plugin, &call.endpoint)?;
    // it is there, unless whoever had it last took it along
    plugin.daemon.offer_again(endpoint.id)?;
    let gateways = gateways(&known, &endpoint);
    let gateway = |v4: bool| {
        let found = gateways.iter().find(|it| it.is_ipv4() == v4);
        found.map_or_else(String::new, ToString::to_string)
    };
    let prefix = network_driver(&known.network.driver)
        .and_then(|driver| driver.interface_prefix(&known.network).ok());
    Ok(Joined {
        interface_name: InterfaceName {
            src_name: endpoint.ifname.to_string(),
            dst_prefix: prefix.unwrap_or_else(|| "eth".to_owned()),
        },
        gateway: gateway(true),
        gateway_v6: gateway(false),
        static_routes: [],
        disable_gateway_service: gateways.is_empty() && !known.led_by_docker,
    })
}

/// dockerd takes the interface back to the host after this, and says when it is not needed any more.
fn leave(_: &Plugin, _: Call) -> Result<Nothing> {
    Ok(Nothing {})
}

fn delete(plugin: &Plugin, call: Call) -> Result<Nothing> {
    let deleted = find(plugin, &call.endpoint).and_then(|(guest, _)| {
        plugin
            .daemon
            .delete_guest(&guest.container.to_string(), None)
    });
    match deleted {
        Err(error) if error.class() != Class::NotFound => Err(error),
        _ => Ok(Nothing {}),
    }
}

/// An endpoint of dockerd's that exists, with its guest.
pub(super) fn find(plugin: &Plugin, id: &str) -> Result<(Sandbox, Endpoint)> {
    let guest = plugin.daemon.find_guest_of(Some(RUNTIME), id)?;
    let endpoint = plugin
        .daemon
        .read(|state| state.endpoints_of(guest.id).next().cloned());
    let endpoint = endpoint.ok_or_else(|| Error::NotFound {
        kind: "endpoint",
        reference: id.to_owned(),
    })?;
    Ok((guest, endpoint))
}

fn request(
    network: &Network,
    id: &str,
    asked: &Interface,
    options: Option<&HashMap<String, Value>>,
) -> Result<GuestRequest> {
    let mac = Some(&asked.mac_address).filter(|it| !it.is_empty());
    let mac = mac
        .map(|it| it.parse())
        .transpose()
        .map_err(|_| Error::invalid(format!("invalid hardware address {:?}", asked.mac_address)))?;
    let settings = EndpointSettings {
        ipv4_address: address(&asked.address)?,
        ipv6_address: address(&asked.address_v6)?,
        mac_address: mac,
        ..EndpointSettings::default()
    };
    let name = options.and_then(|it| it.get(NAME)?.as_str());
    let short = || id.chars().take(12).collect();
    Ok(GuestRequest {
        reference: id.to_owned(),
        name: Some(name.map_or_else(short, str::to_owned)),
        runtime: RUNTIME.to_owned(),
        networks: vec![(network.id.to_string(), settings)],
        ..GuestRequest::default()
    })
}

/// Where packets of an endpoint leave its network; none where dockerd is to see to that, or nothing leaves.
fn gateways(known: &Known, endpoint: &Endpoint) -> Vec<IpAddr> {
    let driver = network_driver(&known.network.driver).filter(|_| !known.led_by_docker);
    let all = driver.map_or_else(Vec::new, |it| it.gateways(&known.network));
    let has = |v4: bool| endpoint.addresses.iter().any(|it| it.is_ipv4() == v4);
    all.into_iter().filter(|it| has(it.is_ipv4())).collect()
}
