//! The words of the protocols: what a call says, and how an answer's addresses are read.

use std::collections::BTreeMap;
use std::net::IpAddr;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rnet_model::{Cidr, Endpoint, Network, PublishedPorts, Sandbox, Step, Subnet};
use serde_json::{Map, Value, json};

/// What a network without subnets of its own is said to have (libnetwork, `ipams/null`).
const NULL: &str = "null";

/// The endpoints and networks that calls are about.
pub(super) fn about(network: impl ToString, endpoint: Option<impl ToString>) -> Map<String, Value> {
    let mut body = Map::new();
    body.insert("NetworkID".to_owned(), network.to_string().into());
    if let Some(endpoint) = endpoint {
        body.insert("EndpointID".to_owned(), endpoint.to_string().into());
    }
    body
}

/// `CreateNetwork`: everything of a network but its name and its labels, which libnetwork keeps to itself, too.
pub(super) fn network(network: &Network) -> Value {
    let label = |name: &str| format!("com.docker.network.{name}");
    let mut options = json!({
        label("generic"): network.options,
        label("enable_ipv4"): network.enable_ipv4,
        label("enable_ipv6"): network.enable_ipv6,
    });
    if network.internal {
        options[label("internal")] = true.into();
    }
    let mut body = about(network.id, None::<&str>);
    body.insert("Options".to_owned(), options);
    body.insert("IPv4Data".to_owned(), data(network, true));
    body.insert("IPv6Data".to_owned(), data(network, false));
    Value::Object(body)
}

fn data(network: &Network, v4: bool) -> Value {
    let enabled = if v4 {
        network.enable_ipv4
    } else {
        network.enable_ipv6
    };
    if enabled && network.ipam_driver.as_deref() == Some(NULL) {
        let everything = if v4 { "0.0.0.0/0" } else { "::/0" };
        return json!([{"AddressSpace": NULL, "Pool": everything, "Gateway": everything}]);
    }
    let subnets = network.subnets.iter();
    let of_family = subnets.filter(|it| it.subnet.is_ipv4() == v4);
    of_family.map(|it| subnet(network, it)).collect()
}

fn subnet(network: &Network, subnet: &Subnet) -> Value {
    let with_prefix = |ip: &IpAddr| format!("{ip}/{}", subnet.subnet.prefix());
    let auxiliary = subnet.auxiliary_addresses.iter();
    let auxiliary: BTreeMap<_, _> = auxiliary
        .map(|(name, ip)| (name, with_prefix(ip)))
        .collect();
    let mut data = json!({
        "AddressSpace": pool(network, subnet.subnet).map_or("LocalDefault", |(_, space)| space),
        "Pool": subnet.subnet,
        "AuxAddresses": auxiliary,
    });
    if let Some(gateway) = &subnet.gateway {
        data["Gateway"] = with_prefix(gateway).into();
    }
    data
}

/// The pool that a plugin gave for a subnet, and the address space it is in.
pub(crate) fn pool(network: &Network, subnet: Cidr) -> Option<(&str, &str)> {
    network.resources.iter().find_map(|it| match &it.object {
        rnet_model::Object::Told(told) => match &told.step {
            Step::Pool {
                id,
                space,
                subnet: own,
            } if *own == subnet => Some((id.as_str(), space.as_str())),
            _ => None,
        },
        _ => None,
    })
}

/// The options of `CreateEndpoint`: what the user said to the driver, and the container's ports.
pub(super) fn endpoint_options(network: &Network, endpoint: &Endpoint, sandbox: &Sandbox) -> Value {
    let mut options: Map<_, _> = endpoint
        .settings
        .driver_options
        .iter()
        .map(|(label, value)| (label.clone(), value.clone().into()))
        .collect();
    if !network.internal {
        options.extend(ports(sandbox));
    }
    if let Some(mac) = endpoint.settings.mac_address {
        let bytes = STANDARD.encode(mac.octets());
        let label = "com.docker.network.endpoint.macaddress";
        options.insert(label.to_owned(), bytes.into());
    }
    let servers = &sandbox.dns.servers;
    let label = "com.docker.network.endpoint.dnsservers";
    options.insert(label.to_owned(), json!(servers));
    Value::Object(options)
}

/// The ports of a container, in the words of libnetwork's labels.
pub(super) fn ports(sandbox: &Sandbox) -> Map<String, Value> {
    let mut exposed = Vec::new();
    for published in &sandbox.ports {
        let proto = published.protocol.number();
        let ports = published.container_ports.ports();
        let ports = ports.map(|port| json!({"Proto": proto, "Port": port}));
        exposed.extend(ports);
    }
    exposed.dedup();
    let map: Vec<Value> = sandbox.ports.iter().flat_map(bindings).collect();
    let labels = [
        ("com.docker.network.endpoint.exposedports", exposed),
        ("com.docker.network.portmap", map),
    ];
    let labels = labels.map(|(label, ports)| (label.to_owned(), Value::Array(ports)));
    labels.into_iter().collect()
}

fn bindings(published: &PublishedPorts) -> impl Iterator<Item = Value> + '_ {
    published.pairs().map(|(host, container)| {
        json!({
            "Proto": published.protocol.number(),
            "IP": "",
            "Port": container,
            "HostIP": published.host_address,
            "HostPort": host,
            "HostPortEnd": host,
        })
    })
}
