//! Attaching to a network of rnet's: what the plugin `rnet` does, and `bridge` by another configuration.

use std::net::IpAddr;

use serde_json::{Map, Value, json};

use super::check;
use super::config::{Config, PortMapping, ValidAttachment};
use super::error::{CniError, Code};
use super::invocation::Attachment;
use super::network::{self, Wanted};
use super::plugin::{Call, Plugin};
use super::result;
use crate::netd::{CallError, Netd};
use crate::sandboxes::Sandboxes;

/// What `netd` knows these sandboxes by.
const RUNTIME: &str = "cni";

/// The containers that came by this door.
pub(super) fn sandboxes(config: &Config) -> Sandboxes {
    Sandboxes::new(Netd::at(&config.socket), RUNTIME)
}

/// Attaches to the network that a configuration describes, read in one way or another.
pub(super) struct Attach(pub(super) fn(&Config) -> Result<Wanted, CniError>);

/// The network as the keys of the plugin `rnet` describe it.
pub(super) fn wanted(config: &Config) -> Result<Wanted, CniError> {
    let wanted: Wanted = config.own_keys()?;
    match wanted.ipam.iter().flatten().next() {
        Some((key, _)) => Err(CniError::new(
            Code::UnsupportedField,
            format!("\"ipam\" with {key:?}: rnet hands out addresses itself, by \"subnets\""),
        )),
        None => Ok(wanted),
    }
}

impl Plugin for Attach {
    fn add(&self, call: &Call) -> Result<Value, CniError> {
        let Call {
            config,
            attachment,
            sandboxes,
        } = call;
        let wanted = self.0(config)?;
        let request = request(config, &wanted, attachment)?;
        let sandbox = match sandboxes.attach(&request) {
            Err(CallError::Refused { status: 404, .. })
                if !network::exists(sandboxes.netd(), wanted.name(config))? =>
            {
                network::ensure(sandboxes.netd(), config, &wanted)?;
                sandboxes.attach(&request)?
            }
            answer => answer?,
        };
        result::of(config, attachment, &sandbox)
    }

    fn del(&self, call: &Call) -> Result<(), CniError> {
        let attachment = &call.attachment;
        let ifname = attachment.ifname.as_str();
        Ok(call.sandboxes.detach(&attachment.container, ifname)?)
    }

    fn check(&self, call: &Call) -> Result<(), CniError> {
        let shown = call.sandboxes.show(&call.attachment.container)?;
        check::check(&call.config, &call.attachment, &shown)
    }

    fn collect(&self, sandboxes: &Sandboxes, config: &Config) -> Result<(), CniError> {
        let valid = config.valid_attachments.as_ref().ok_or_else(|| {
            CniError::new(Code::InvalidConfig, "cni.dev/valid-attachments is missing")
        })?;
        let wanted = self.0(config)?;
        let network = wanted.name(config);
        let present = sandboxes.on(network)?;
        let mut failure = None;
        for stale in present.iter().filter_map(|it| stale(network, it, valid)) {
            let detached = sandboxes.detach(&stale.container, &stale.ifname);
            failure = detached.err().or(failure);
        }
        failure.map_or(Ok(()), |error| Err(error.into()))
    }
}

/// What `netd` is asked for.
fn request(config: &Config, wanted: &Wanted, attachment: &Attachment) -> Result<Value, CniError> {
    let runtime = &config.runtime_config;
    let arguments = &attachment.arguments;
    let pod = arguments.get("K8S_POD_NAME");
    let own = wanted.dns.as_ref().unwrap_or(&config.dns);
    let dns = runtime.dns.as_ref().unwrap_or(own);
    let ips = runtime
        .ips
        .iter()
        .chain(&config.args.cni.ips)
        .chain(arguments.get("IP"));
    let mut options = runtime.bandwidth.unwrap_or_default().options();
    let ifname = attachment.ifname.to_string();
    options.insert("com.docker.network.endpoint.ifname".to_owned(), ifname);
    let endpoint = json!({
        "IPAMConfig": addresses(ips)?,
        "MacAddress": config.mac(arguments),
        "Aliases": config.aliases(),
        "DriverOpts": options,
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
        "HoldsPorts": wanted.holds_ports,
        "Labels": labels(attachment),
        "NetworkingConfig": {"EndpointsConfig": {wanted.name(config): endpoint}},
    }))
}

/// An address, with or without a prefix length.
pub(super) fn address(text: &str) -> Result<IpAddr, CniError> {
    let bare = text.split('/').next().unwrap_or_default();
    bare.parse()
        .map_err(|_| CniError::new(Code::InvalidConfig, format!("invalid IP address {text:?}")))
}

/// One address a family, with or without a prefix length, which is the subnet's in any case.
fn addresses<'a>(texts: impl Iterator<Item = &'a String>) -> Result<Value, CniError> {
    let mut config = Map::new();
    for text in texts {
        let address = address(text)?;
        let key = if address.is_ipv4() {
            "IPv4Address"
        } else {
            "IPv6Address"
        };
        config.insert(key.to_owned(), address.to_string().into());
    }
    Ok(config.into())
}

/// `PortBindings`: those that are published.
pub(super) fn bindings(mappings: &[PortMapping]) -> Map<String, Value> {
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
    bindings
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
fn stale(network: &str, sandbox: &Value, valid: &[ValidAttachment]) -> Option<ValidAttachment> {
    let place = &sandbox["NetworkSettings"]["Networks"][network];
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
        assert_eq!(Value::from(bindings(&mappings)), wanted);
    }

    #[test]
    fn an_address_a_family_is_asked_for() {
        let texts = ["10.1.2.3/24".to_owned(), "fd00::5".to_owned()];
        let wanted = json!({"IPv4Address": "10.1.2.3", "IPv6Address": "fd00::5"});
        assert_eq!(addresses(texts.iter()).unwrap(), wanted);
        assert!(addresses(["x".to_owned()].iter()).is_err());
    }
}
