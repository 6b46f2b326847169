//! What is asked of `netd` for a container that comes by CNI.

use std::net::IpAddr;

use serde_json::{Map, Value, json};

use super::config::{Config, PortMapping, ValidAttachment};
use super::error::{CniError, Code};
use super::invocation::Attachment;
use super::network;
use crate::netd::{CallError, Netd};
use crate::sandboxes::Sandboxes;

/// What `netd` knows these sandboxes by.
const RUNTIME: &str = "cni";

/// The containers that came by this door.
pub(super) fn sandboxes(config: &Config) -> Sandboxes {
    Sandboxes::new(Netd::at(&config.socket), RUNTIME)
}

/// Attaches a container to the network; the whole sandbox, as `netd` shows it.
pub(super) fn add(
    sandboxes: &Sandboxes,
    config: &Config,
    attachment: &Attachment,
) -> Result<Value, CniError> {
    let request = request(config, attachment)?;
    match sandboxes.attach(&request) {
        Err(CallError::Refused { status: 404, .. })
            if !network::exists(sandboxes.netd(), config)? =>
        {
            network::ensure(sandboxes.netd(), config)?;
            Ok(sandboxes.attach(&request)?)
        }
        answer => Ok(answer?),
    }
}

/// Detaches what is on the network and not among the valid attachments.
pub(super) fn collect(sandboxes: &Sandboxes, config: &Config) -> Result<(), CniError> {
    let valid = config.valid_attachments.as_ref().ok_or_else(|| {
        CniError::new(Code::InvalidConfig, "cni.dev/valid-attachments is missing")
    })?;
    let present = sandboxes.on(config.network_name())?;
    let mut failure = None;
    for stale in present.iter().filter_map(|it| stale(config, it, valid)) {
        let detached = sandboxes.detach(&stale.container, &stale.ifname);
        failure = detached.err().or(failure);
    }
    failure.map_or(Ok(()), |error| Err(error.into()))
}

/// Whether attachments can be made now.
pub(super) fn is_ready(sandboxes: &Sandboxes) -> Result<(), CniError> {
    let answer = sandboxes.netd().get("/_ping").map_err(CniError::from);
    answer
        .map(drop)
        .map_err(|error| error.with(Code::NotAvailable))
}

/// What `netd` is asked for.
fn request(config: &Config, attachment: &Attachment) -> Result<Value, CniError> {
    let runtime = &config.runtime_config;
    if runtime
        .bandwidth
        .as_ref()
        .is_some_and(|it| it.values().any(|rate| *rate > 0))
    {
        return Err(CniError::new(
            Code::UnsupportedField,
            "bandwidth is not limited by rnet: chain the plugin \"bandwidth\" behind it",
        ));
    }
    let arguments = &attachment.arguments;
    let pod = arguments.get("K8S_POD_NAME");
    let dns = runtime.dns.as_ref().unwrap_or(&config.dns);
    let ips = runtime
        .ips
        .iter()
        .chain(&config.args.cni.ips)
        .chain(arguments.get("IP"));
    let endpoint = json!({
        "IPAMConfig": addresses(ips)?,
        "MacAddress": runtime.mac.as_ref().or(arguments.get("MAC")),
        "Aliases": runtime.aliases,
        "DriverOpts": {"com.docker.network.endpoint.ifname": attachment.ifname.as_str()},
    });
    Ok(json!({
        "ContainerID": attachment.container,
        "Name": pod.unwrap_or(&attachment.container),
        "Runtime": RUNTIME,
        "NetNS": attachment.namespace,
        "Dns": dns.servers,
        "DnsSearch": dns.searches,
        "DnsOptions": dns.options,
        "PortBindings": bindings(&runtime.port_mappings),
        "Labels": labels(attachment),
        "NetworkingConfig": {"EndpointsConfig": {config.network_name(): endpoint}},
    }))
}

/// One address a family, with or without a prefix length, which is the subnet's in any case.
fn addresses<'a>(texts: impl Iterator<Item = &'a String>) -> Result<Value, CniError> {
    let mut config = Map::new();
    for text in texts {
        let bare = text.split('/').next().unwrap_or_default();
        let address: IpAddr = bare.parse().map_err(|_| {
            CniError::new(Code::InvalidConfig, format!("invalid IP address {text:?}"))
        })?;
        let key = if address.is_ipv4() {
            "IPv4Address"
        } else {
            "IPv6Address"
        };
        config.insert(key.to_owned(), address.to_string().into());
    }
    Ok(config.into())
}

fn bindings(mappings: &[PortMapping]) -> Value {
    let mut bindings = Map::new();
    for mapping in mappings.iter().filter(|it| it.host_port != 0) {
        let protocol = match mapping.protocol.as_str() {
            "" => "tcp".to_owned(),
            protocol => protocol.to_ascii_lowercase(),
        };
        let key = format!("{}/{protocol}", mapping.container_port);
        let bound = bindings.entry(key).or_insert_with(|| json!([]));
        let binding = json!({"HostIp": mapping.host_ip, "HostPort": mapping.host_port.to_string()});
        bound
            .as_array_mut()
            .expect("it was made an array")
            .push(binding);
    }
    bindings.into()
}

/// Whose pod it is, where the runtime says so.
fn labels(attachment: &Attachment) -> Map<String, Value> {
    let kubernetes = attachment
        .arguments
        .iter()
        .filter(|(key, _)| key.starts_with("K8S_"));
    kubernetes
        .map(|(key, value)| (key.clone(), value.clone().into()))
        .collect()
}

/// The attachment of a sandbox to the network, if it is not a valid one.
fn stale(config: &Config, sandbox: &Value, valid: &[ValidAttachment]) -> Option<ValidAttachment> {
    let place = &sandbox["NetworkSettings"]["Networks"][config.network_name()];
    let attachment = ValidAttachment {
        container: sandbox["ContainerID"].as_str()?.to_owned(),
        ifname: place["InterfaceName"].as_str()?.to_owned(),
    };
    (!valid.contains(&attachment)).then_some(attachment)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_of_one_container_port_stand_together_and_unpublished_ones_are_left_out() {
        let mappings: Vec<PortMapping> = serde_json::from_value(json!([
            {"hostPort": 8080, "containerPort": 80, "protocol": "TCP", "hostIP": "127.0.0.1"},
            {"hostPort": 8081, "containerPort": 80},
            {"hostPort": 0, "containerPort": 81, "protocol": "udp"},
        ]))
        .unwrap();
        let wanted = json!({"80/tcp": [
            {"HostIp": "127.0.0.1", "HostPort": "8080"}, {"HostIp": "", "HostPort": "8081"},
        ]});
        assert_eq!(bindings(&mappings), wanted);
    }

    #[test]
    fn an_address_a_family_is_asked_for() {
        let texts = ["10.1.2.3/24".to_owned(), "fd00::5".to_owned()];
        let wanted = json!({"IPv4Address": "10.1.2.3", "IPv6Address": "fd00::5"});
        assert_eq!(addresses(texts.iter()).unwrap(), wanted);
        assert!(addresses(["x".to_owned()].iter()).is_err());
    }
}
