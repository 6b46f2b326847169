//! What `netd` is asked for a container of podman's.

use std::net::IpAddr;
use std::path::Path;

use serde_json::{Map, Value, json};

use super::RUNTIME;
use super::document::{Document, Endpoint, PortMapping};
use super::error::NetavarkError;

/// The body of `POST /sandboxes/create`.
pub(super) fn of(namespace: &Path, document: &Document) -> Result<Value, NetavarkError> {
    let mut endpoints = Map::new();
    for place in document.places() {
        let (name, place, _) = place?;
        endpoints.insert(name.to_owned(), endpoint(name, place)?);
    }
    let ports = document.port_mappings.as_deref().unwrap_or_default();
    Ok(json!({
        "ContainerID": document.container_id,
        "Name": document.container_name,
        "Hostname": document.container_hostname,
        "Runtime": RUNTIME,
        "NetNS": namespace,
        "Dns": document.dns_servers,
        "PortBindings": bindings(ports)?,
        // podman binds them for its own books
        "HoldsPorts": true,
        "NetworkingConfig": {"EndpointsConfig": endpoints},
    }))
}

fn endpoint(network: &str, endpoint: &Endpoint) -> Result<Value, NetavarkError> {
    let refuse = |what: String| NetavarkError::Unsupported {
        network: network.to_owned(),
        what,
    };
    if let Some((key, value)) = endpoint.options.iter().flatten().next() {
        return Err(refuse(format!("option {key}={value} of a container")));
    }
    let mut addresses = Map::new();
    for address in endpoint.static_ips.iter().flatten() {
        let key = if address.is_ipv4() {
            "IPv4Address"
        } else {
            "IPv6Address"
        };
        if addresses.insert(key.to_owned(), json!(address)).is_some() {
            return Err(refuse("several addresses of one family".to_owned()));
        }
    }
    Ok(json!({
        "IPAMConfig": addresses,
        "MacAddress": endpoint.static_mac,
        "Aliases": endpoint.aliases,
        "DriverOpts": {"com.docker.network.endpoint.ifname": endpoint.interface_name},
    }))
}

/// `PortBindings`, a binding a port.
fn bindings(mappings: &[PortMapping]) -> Result<Value, NetavarkError> {
    let mut bindings = Map::new();
    for mapping in mappings {
        let host_ip = mapping.host_ip.as_str();
        if !host_ip.is_empty() && host_ip.parse::<IpAddr>().is_err() {
            return Err(NetavarkError::HostIp {
                text: host_ip.to_owned(),
                port: mapping.host_port,
            });
        }
        for protocol in mapping.protocol.split(',') {
            for offset in 0..mapping.range.max(1) {
                let container_port = mapping.container_port.saturating_add(offset);
                let host_port = mapping.host_port.saturating_add(offset);
                let bound = bindings
                    .entry(format!("{container_port}/{protocol}"))
                    .or_insert_with(|| json!([]));
                let binding = json!({"HostIp": host_ip, "HostPort": host_port.to_string()});
                bound
                    .as_array_mut()
                    .expect("it was made an array")
                    .push(binding);
            }
        }
    }
    Ok(bindings.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bound(text: &str) -> Result<Value, String> {
        bindings(&serde_json::from_str::<Vec<PortMapping>>(text).unwrap())
            .map_err(|error| error.to_string())
    }

    #[test]
    fn a_range_is_a_binding_a_port() {
        let found = bound(
            r#"[{"host_ip":"","container_port":80,"host_port":8080,"range":2,"protocol":"tcp,udp"}]"#,
        );
        let binding = |port: &str| json!([{"HostIp": "", "HostPort": port}]);
        let wanted = json!({
            "80/tcp": binding("8080"), "81/tcp": binding("8081"),
            "80/udp": binding("8080"), "81/udp": binding("8081"),
        });
        assert_eq!(found, Ok(wanted));
    }

    #[test]
    fn a_host_address_that_is_none_is_told() {
        let refused =
            bound(r#"[{"host_ip":"abcd","container_port":80,"host_port":8080,"protocol":"tcp"}]"#);
        let wanted = r#"invalid host ip "abcd" provided for port 8080"#;
        assert_eq!(refused, Err(wanted.to_owned()));
    }
}
