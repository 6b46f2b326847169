//! Allow-lists of publications: who may use which ports, said by labels of the container.
//!
//! `rnet.from.8080:80/tcp` = `10.0.0.0/8,2001:db8::/32`: the label's name ends with the ports as they are written after
//! `-p`, and its value lists the clients. Clients of the Docker Engine API pass labels on as they are, so every one of them
//! can say it, and shows it.

use std::collections::{BTreeSet, HashMap};
use std::net::IpAddr;

use rnet_model::{Cidr, PortRange, Protocol};

use super::request::{PortRequest, Wanted, host_address, port_range};
use crate::error::{Error, Result};

/// What the names of such labels begin with.
const PREFIX: &str = "rnet.from.";

/// Gives requests, each of one port of the container, the clients that labels name for them.
///
/// A label that fits no request is an error: whoever wrote it means a port that would be open to everyone.
pub(super) fn restrict(
    requests: &mut [PortRequest],
    labels: Option<&HashMap<String, String>>,
) -> Result<()> {
    for (label, value) in labels.into_iter().flatten() {
        let Some(text) = label.strip_prefix(PREFIX) else {
            continue;
        };
        let ports = Ports::parse(text).ok_or_else(|| {
            let form = "[[ADDRESS:]HOST_PORT:]PORT[/PROTOCOL]";
            Error::invalid(format!(
                "invalid label {label}: {form} is expected after {PREFIX}"
            ))
        })?;
        let clients = clients(label, value)?;
        let mut meant = requests.iter_mut().filter(|it| ports.mean(it)).peekable();
        if meant.peek().is_none() {
            return Err(Error::invalid(format!(
                "invalid label {label}: no port is published like that"
            )));
        }
        meant.for_each(|it| it.from.extend(&clients));
    }
    Ok(())
}

/// Ports as they are written after `-p`.
struct Ports {
    host_address: Option<IpAddr>,
    host: Option<PortRange>,
    container: PortRange,
    protocol: Protocol,
}

impl Ports {
    fn parse(text: &str) -> Option<Self> {
        let (text, protocol) = match text.rsplit_once('/') {
            Some((text, protocol)) => (text, protocol.parse().ok()?),
            None => (text, Protocol::Tcp),
        };
        let (host, container) = text.rsplit_once(':').unwrap_or(("", text));
        let (address, host) = host.rsplit_once(':').unwrap_or(("", host));
        Some(Self {
            host_address: host_address(address).ok()?,
            host: match host {
                "" => None,
                ports => Some(port_range(ports)?),
            },
            container: port_range(container)?,
            protocol,
        })
    }

    fn mean(&self, request: &PortRequest) -> bool {
        let port = request.container_ports;
        let is_host = |host: PortRange| match request.host_ports {
            Wanted::These(ports) if host.count() == self.container.count() => {
                let step = port.first() - self.container.first();
                host.first().checked_add(step) == Some(ports.first())
            }
            Wanted::FirstFreeOf(ports) => ports == host,
            _ => false,
        };
        self.protocol == request.protocol
            && self.container.overlaps(port)
            && (self.host_address.is_none() || self.host_address == request.host_address)
            && self.host.is_none_or(is_host)
    }
}

fn clients(label: &str, value: &str) -> Result<BTreeSet<Cidr>> {
    let client = |text: &str| match text.trim().parse::<Cidr>() {
        Ok(cidr) => Ok(Cidr::new(cidr.network(), cidr.prefix()).unwrap_or(cidr)),
        Err(_) => Err(Error::invalid(format!(
            "invalid label {label}: {text:?} is no address prefix such as 10.0.0.0/8 or 2001:db8::/32"
        ))),
    };
    value.split(',').map(client).collect()
}

#[cfg(test)]
mod tests {
    use bollard_stubs::models::{PortBinding, PortMap};

    use super::*;

    fn restricted(label: &str, value: &str) -> Result<Vec<(u16, usize)>> {
        let binding = |ip: &str, port: &str| PortBinding {
            host_ip: Some(ip.into()),
            host_port: Some(port.into()),
        };
        let bindings: PortMap = [
            (
                "80/tcp",
                vec![binding("", "8080"), binding("127.0.0.1", "8180")],
            ),
            ("82/tcp", vec![binding("", "8082")]),
            ("90/udp", vec![binding("", "9000-9009")]),
        ]
        .map(|(port, bindings)| (port.to_owned(), Some(bindings)))
        .into();
        let labels = HashMap::from([(label.to_owned(), value.to_owned())]);
        let requests = PortRequest::parse(Some(&bindings), Some(&labels))?;
        let restricted = requests.into_iter().filter(|it| !it.from.is_empty());
        Ok(restricted
            .map(|it| match it.host_ports {
                Wanted::These(ports) | Wanted::FirstFreeOf(ports) => (ports.first(), it.from.len()),
                Wanted::Any => (0, it.from.len()),
            })
            .collect())
    }

    #[test]
    fn a_label_restricts_the_ports_it_is_written_for() {
        let value = "10.1.2.3/8, 2001:db8::/32";
        for (ports, meant) in [
            ("8080:80", vec![(8080, 2)]),
            ("8080:80/tcp", vec![(8080, 2)]),
            ("80", vec![(8080, 2), (8180, 2)]),
            ("127.0.0.1:8180:80", vec![(8180, 2)]),
            ("8078-8082:78-82", vec![(8080, 2), (8082, 2)]),
            ("9000-9009:90/udp", vec![(9000, 2)]),
        ] {
            let restricted = restricted(&format!("rnet.from.{ports}"), value).unwrap();
            assert_eq!(restricted, meant, "{ports}");
        }
        assert_eq!(restricted("some.other", value).unwrap(), []);
    }

    #[test]
    fn a_label_that_would_leave_a_port_open_is_refused() {
        for (ports, value) in [
            ("8081:80", "10.0.0.0/8"),
            ("80/udp", "10.0.0.0/8"),
            ("127.0.0.2:8180:80", "10.0.0.0/8"),
            ("http", "10.0.0.0/8"),
            ("80", "lan"),
            ("80", ""),
        ] {
            let error = restricted(&format!("rnet.from.{ports}"), value).unwrap_err();
            assert!(
                error.to_string().starts_with("invalid label rnet.from."),
                "{error}"
            );
        }
    }
}
