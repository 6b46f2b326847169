//! Published ports: every way to write `-p` (docker.md 1.10) and `--expose`.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;
use std::net::IpAddr;
use std::ops::RangeInclusive;

use bollard::models::{PortBinding, PortMap};
use rnet_model::{Cidr, Protocol};

mod text;

type Range = RangeInclusive<u16>;

/// What the names of labels begin with that tell whom ports are for.
const FROM: &str = "rnet.from.";

/// One `-p`: ports of the container, and where on the host they are to be found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Publish {
    host: Option<IpAddr>,
    host_ports: Option<Range>,
    ports: Expose,
    /// The clients it is for; none listed stands for everyone.
    from: BTreeSet<Cidr>,
}

/// One `--expose`: ports of the container.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Expose {
    ports: Range,
    protocol: Protocol,
}

impl Expose {
    /// The ports as the API names them: `80/tcp`.
    pub(crate) fn names(&self) -> impl Iterator<Item = String> {
        self.ports
            .clone()
            .map(|port| format!("{port}/{}", self.protocol))
    }
}

impl Publish {
    /// The ports as the API names them: `80/tcp`.
    pub(crate) fn names(&self) -> impl Iterator<Item = String> {
        self.ports.names()
    }

    /// What each of the ports is bound to. A range of host ports for one port of the container
    /// stays a range: the daemon takes the first that is free.
    fn bindings(&self) -> impl Iterator<Item = (String, PortBinding)> {
        let one_to_one = self.ports.ports.len() > 1;
        self.names().enumerate().map(move |(nth, name)| {
            let host_port = match &self.host_ports {
                None => String::new(),
                Some(range) if one_to_one => (usize::from(*range.start()) + nth).to_string(),
                Some(range) if range.len() == 1 => range.start().to_string(),
                Some(range) => format!("{}-{}", range.start(), range.end()),
            };
            let host_ip = self.host.map_or_else(String::new, |host| host.to_string());
            (
                name,
                PortBinding {
                    host_ip: Some(host_ip),
                    host_port: Some(host_port),
                },
            )
        })
    }
}

/// The labels that tell the daemon whom ports are for: a name ends with the ports as they are written.
pub(crate) fn labels(publishes: &[Publish]) -> BTreeMap<String, String> {
    let mut clients: BTreeMap<String, BTreeSet<Cidr>> = BTreeMap::new();
    for publish in publishes.iter().filter(|it| !it.from.is_empty()) {
        let label = format!("{FROM}{publish}");
        clients.entry(label).or_default().extend(&publish.from);
    }
    let listed = |it: BTreeSet<Cidr>| it.iter().map(Cidr::to_string).collect::<Vec<_>>().join(",");
    clients
        .into_iter()
        .map(|(label, it)| (label, listed(it)))
        .collect()
}

/// All of `publishes` as the API wants them.
pub(crate) fn bindings(publishes: &[Publish]) -> PortMap {
    let mut map: HashMap<_, Option<Vec<_>>> = HashMap::new();
    for (name, binding) in publishes.iter().flat_map(Publish::bindings) {
        map.entry(name)
            .or_default()
            .get_or_insert_default()
            .push(binding);
    }
    map
}

impl fmt::Display for Publish {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let range = |range: &Range| match range.len() {
            1 => range.start().to_string(),
            _ => format!("{}-{}", range.start(), range.end()),
        };
        match self.host {
            Some(IpAddr::V6(host)) => write!(f, "[{host}]:")?,
            Some(host) => write!(f, "{host}:")?,
            None => {}
        }
        match &self.host_ports {
            Some(ports) => write!(f, "{}:", range(ports))?,
            None if self.host.is_some() => f.write_str(":")?,
            None => {}
        }
        write!(f, "{}/{}", range(&self.ports.ports), self.ports.protocol)
    }
}

#[cfg(test)]
mod tests;
