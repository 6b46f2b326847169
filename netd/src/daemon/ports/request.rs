//! What is asked for: the bindings of a body, drawn together to ranges.

use std::collections::{BTreeSet, HashMap};
use std::net::IpAddr;

use bollard_stubs::models::{PortBinding, PortMap};
use rnet_model::{Cidr, PortRange, Protocol, PublishedPorts};

use super::allow;
use crate::error::{Error, Result};

/// Successive ports someone asks to publish.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(in crate::daemon) struct PortRequest {
    /// The host's ports.
    pub host_ports: Wanted,
    /// The transport protocol.
    pub protocol: Protocol,
    /// The host's address; none stands for all of them.
    pub host_address: Option<IpAddr>,
    /// The clients they are for; none listed stands for everyone.
    pub from: BTreeSet<Cidr>,
    /// Whether whoever asks holds the host's ports already, or is about to.
    pub held_by_client: bool,
    /// The container's ports: one, unless those of the host are as many.
    pub container_ports: PortRange,
}

/// Which ports of the host are wanted; those that leave no choice come first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(in crate::daemon) enum Wanted {
    /// These, in step with the container's.
    These(PortRange),
    /// The first of these that is free.
    FirstFreeOf(PortRange),
    /// One that the kernel chooses.
    Any,
}

impl PortRequest {
    /// The requests in a body's `PortBindings`, `{"80/tcp": [{"HostIp": "", "HostPort": "8080"}]}`, each for the clients
    /// that its labels name.
    ///
    /// Clients expand a range to one binding a port; here they are one request again.
    pub(in crate::daemon) fn parse(
        bindings: Option<&PortMap>,
        labels: Option<&HashMap<String, String>>,
    ) -> Result<Vec<Self>> {
        let mut requests = Vec::new();
        for (port, bindings) in bindings.into_iter().flatten() {
            let (container_port, protocol) = container_port(port)?;
            // no binding at all is one to a port of the kernel's choice (moby, daemon/container)
            let ephemeral = [PortBinding::default()];
            let bindings = bindings
                .as_deref()
                .filter(|all| !all.is_empty())
                .unwrap_or(&ephemeral);
            for PortBinding { host_ip, host_port } in bindings {
                requests.push(Self {
                    protocol,
                    container_ports: PortRange::one(container_port),
                    host_address: host_address(host_ip.as_deref().unwrap_or_default())?,
                    host_ports: host_ports(host_port.as_deref().unwrap_or_default())?,
                    from: BTreeSet::new(),
                    held_by_client: false,
                });
            }
        }
        allow::restrict(&mut requests, labels)?;
        Ok(drawn_together(requests))
    }

    /// Whether it may be what a publication was asked for by.
    pub(super) fn became(&self, published: &PublishedPorts) -> bool {
        (self.protocol, self.container_ports) == (published.protocol, published.container_ports)
    }

    /// This request and the next in one, if that goes on where this one ends.
    fn joined(&self, next: &Self) -> Option<Self> {
        let (Wanted::These(own), Wanted::These(others)) = (self.host_ports, next.host_ports) else {
            return None;
        };
        let same = (self.protocol, self.host_address, &self.from)
            == (next.protocol, next.host_address, &next.from);
        let joined = Self {
            host_ports: Wanted::These(own.followed_by(others)?),
            container_ports: self.container_ports.followed_by(next.container_ports)?,
            ..self.clone()
        };
        same.then_some(joined)
    }
}

fn drawn_together(mut requests: Vec<PortRequest>) -> Vec<PortRequest> {
    requests.sort_by_cached_key(|it| {
        let step = match it.host_ports {
            Wanted::These(ports) => {
                i32::from(ports.first()) - i32::from(it.container_ports.first())
            }
            _ => 0,
        };
        (
            it.protocol,
            it.host_address,
            it.from.clone(),
            step,
            it.container_ports,
        )
    });
    let mut joined: Vec<PortRequest> = Vec::with_capacity(requests.len().min(64));
    for request in requests {
        match joined
            .last_mut()
            .and_then(|last| Some((last.joined(&request)?, last)))
        {
            Some((whole, last)) => *last = whole,
            None => joined.push(request),
        }
    }
    joined.sort();
    joined
}

/// A container's port as a body names it: `80`, `80/tcp`.
pub fn container_port(text: &str) -> Result<(u16, Protocol)> {
    let (port, protocol) = text.split_once('/').unwrap_or((text, "tcp"));
    let invalid = |why: String| Error::invalid(format!("invalid container port {text:?}: {why}"));
    let protocol = protocol
        .parse()
        .map_err(|error: rnet_model::InvalidProtocol| invalid(error.to_string()))?;
    match port.parse() {
        Ok(port) if port != 0 => Ok((port, protocol)),
        _ => Err(invalid("a number from 1 to 65535 is expected".into())),
    }
}

pub(super) fn host_address(text: &str) -> Result<Option<IpAddr>> {
    if text.is_empty() {
        return Ok(None);
    }
    let bare = text.trim_start_matches('[').trim_end_matches(']');
    bare.parse().map(Some).map_err(|_| {
        Error::invalid(format!(
            "invalid host address {text:?}: an IP address of this host is expected"
        ))
    })
}

fn host_ports(text: &str) -> Result<Wanted> {
    if text.is_empty() || text == "0" {
        return Ok(Wanted::Any);
    }
    let range = port_range(text).ok_or_else(|| {
        Error::invalid(format!(
            "invalid host port {text:?}: a number from 1 to 65535 or a range such as 8000-8010 is expected"
        ))
    })?;
    Ok(match range.count() {
        1 => Wanted::These(range),
        _ => Wanted::FirstFreeOf(range),
    })
}

/// `8000`, `8000-8010`.
pub(super) fn port_range(text: &str) -> Option<PortRange> {
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let (first, last) = (first.parse().ok()?, last.parse().ok()?);
    PortRange::new(first, last).ok().filter(|_| first > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(bindings: &[(&str, &str, &str)]) -> Result<Vec<PortRequest>> {
        let mut map: PortMap = HashMap::new();
        for (port, host_ip, host_port) in bindings {
            let binding = PortBinding {
                host_ip: Some((*host_ip).into()),
                host_port: Some((*host_port).into()),
            };
            let bindings = map.entry((*port).to_owned()).or_default();
            bindings.get_or_insert_default().push(binding);
        }
        PortRequest::parse(Some(&map), None)
    }

    fn range(first: u16, last: u16) -> PortRange {
        PortRange::new(first, last).unwrap()
    }

    #[test]
    fn a_binding_becomes_a_request() {
        let request = parse(&[("53/udp", "[::1]", "5353-5360")])
            .unwrap()
            .remove(0);
        assert_eq!(request.protocol, Protocol::Udp);
        assert_eq!(request.container_ports, PortRange::one(53));
        assert_eq!(request.host_address, Some("::1".parse().unwrap()));
        assert_eq!(request.host_ports, Wanted::FirstFreeOf(range(5353, 5360)));
        assert_eq!(parse(&[("80", "", "")]).unwrap()[0].host_ports, Wanted::Any);
    }

    #[test]
    fn neighbours_are_one_range_and_strangers_are_not() {
        let ports: Vec<_> = (20_000..40_000)
            .map(|port: u16| (format!("{port}/tcp"), (port - 10_000).to_string()))
            .collect();
        let bindings: Vec<_> = ports
            .iter()
            .map(|(port, host)| (&**port, "", &**host))
            .collect();
        let requests = parse(&bindings).unwrap();
        assert_eq!(requests.len(), 1);
        assert_eq!(requests[0].host_ports, Wanted::These(range(10_000, 29_999)));
        assert_eq!(requests[0].container_ports, range(20_000, 39_999));

        let apart = [
            ("80/tcp", "", "80"),
            ("81/udp", "", "81"),
            ("82/tcp", "127.0.0.1", "82"),
            ("83/tcp", "", "8083"),
            ("84/tcp", "", "8000-8010"),
        ];
        assert_eq!(parse(&apart).unwrap().len(), 5);
    }

    #[test]
    fn a_port_published_twice_stays_in_both_ranges() {
        let twice = [
            ("80/tcp", "", "80"),
            ("80/tcp", "", "8080"),
            ("81/tcp", "", "81"),
            ("81/tcp", "", "8081"),
        ];
        let hosts: Vec<_> = parse(&twice)
            .unwrap()
            .iter()
            .map(|it| it.host_ports)
            .collect();
        assert_eq!(
            hosts,
            [
                Wanted::These(range(80, 81)),
                Wanted::These(range(8080, 8081))
            ]
        );
    }

    #[test]
    fn what_leaves_no_choice_is_taken_first() {
        let order = parse(&[("1", "", ""), ("2", "", "80-90"), ("3/udp", "", "81")]).unwrap();
        let order: Vec<_> = order.iter().map(|it| it.container_ports.first()).collect();
        assert_eq!(order, [3, 2, 1]);
    }

    #[test]
    fn a_bad_binding_is_refused_and_named() {
        for binding in [
            ("http/tcp", "", "80"),
            ("0/tcp", "", "80"),
            ("80/icmp", "", "80"),
            ("80/tcp", "localhost", "80"),
            ("80/tcp", "", "70000"),
            ("80/tcp", "", "90-80"),
        ] {
            let error = parse(&[binding]).unwrap_err().to_string();
            assert!(error.starts_with("invalid "), "{error}");
        }
    }
}
