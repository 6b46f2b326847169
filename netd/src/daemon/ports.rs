//! Host ports: what is asked for, which ports that becomes, and holding them while they are published.

use std::collections::{BTreeSet, HashMap};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::ops::RangeInclusive;
use std::sync::{Mutex, PoisonError};

use bollard_stubs::models::{PortBinding, PortMap};
use rnet_kernel::PortReservation;
use rnet_model::{PortRange, Protocol, PublishedPorts, SandboxId};

use super::Daemon;
use crate::error::{Error, Result};

/// How often the kernel is asked for another ephemeral port when one family's choice is taken in the other.
const EPHEMERAL_TRIES: usize = 10;

/// A port someone asks to publish.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct PortRequest {
    /// The transport protocol.
    pub protocol: Protocol,
    /// The container's port.
    pub container_port: u16,
    /// The host's address; none stands for all of them.
    pub host_address: Option<IpAddr>,
    /// The host's ports, the first free of which is taken; none lets the kernel choose.
    pub host_ports: Option<RangeInclusive<u16>>,
}

impl PortRequest {
    /// The requests in a body's `PortBindings`: `{"80/tcp": [{"HostIp": "", "HostPort": "8080"}]}`.
    pub(super) fn parse(bindings: &PortMap) -> Result<Vec<Self>> {
        let mut requests = Vec::new();
        let mut ports: Vec<_> = bindings.iter().collect();
        ports.sort_by_key(|(port, _)| port.as_str());
        for (port, bindings) in ports {
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
                    container_port,
                    host_address: host_address(host_ip.as_deref().unwrap_or_default())?,
                    host_ports: host_ports(host_port.as_deref().unwrap_or_default())?,
                });
            }
        }
        Ok(requests)
    }

    /// The host addresses meant, among the families the sandbox will have.
    fn addresses(&self, families: Families) -> Vec<IpAddr> {
        let all = [
            families.v4.then_some(IpAddr::V4(Ipv4Addr::UNSPECIFIED)),
            families.v6.then_some(IpAddr::V6(Ipv6Addr::UNSPECIFIED)),
        ];
        self.host_address
            .map_or_else(|| all.into_iter().flatten().collect(), |ip| vec![ip])
    }
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

fn host_address(text: &str) -> Result<Option<IpAddr>> {
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

fn host_ports(text: &str) -> Result<Option<RangeInclusive<u16>>> {
    if text.is_empty() || text == "0" {
        return Ok(None);
    }
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    match (first.parse(), last.parse()) {
        (Ok(first), Ok(last)) if 0 < first && first <= last => Ok(Some(first..=last)),
        _ => Err(Error::invalid(format!(
            "invalid host port {text:?}: a number from 1 to 65535 or a range such as 8000-8010 is expected"
        ))),
    }
}

/// Which families a sandbox's networks have.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Families {
    pub(super) v4: bool,
    pub(super) v6: bool,
}

/// Ports that were reserved and are not yet a sandbox's.
pub(super) struct Claim {
    pub(super) ports: Vec<PublishedPorts>,
    held: Vec<PortReservation>,
}

/// The ports held for sandboxes.
#[derive(Default)]
pub(super) struct Ports(Mutex<HashMap<SandboxId, Vec<PortReservation>>>);

impl Ports {
    /// Holds a claim for as long as the sandbox publishes.
    pub(super) fn keep(&self, sandbox: SandboxId, claim: Claim) {
        self.held().insert(sandbox, claim.held);
    }

    /// Lets go of a sandbox's ports.
    pub(super) fn release(&self, sandbox: SandboxId) {
        self.held().remove(&sandbox);
    }

    fn held(&self) -> std::sync::MutexGuard<'_, HashMap<SandboxId, Vec<PortReservation>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Daemon {
    /// Reserves the ports asked for, all or none.
    pub(super) fn claim_ports(
        &self,
        requests: &[PortRequest],
        families: Families,
    ) -> Result<Claim> {
        let mut claim = Claim {
            ports: Vec::new(),
            held: Vec::new(),
        };
        for request in requests {
            let (port, held) = self.claim_port(request, families)?;
            claim
                .ports
                .extend(request.addresses(families).into_iter().map(|host_address| {
                    PublishedPorts {
                        protocol: request.protocol,
                        host_address,
                        host_ports: PortRange::one(port),
                        container_ports: PortRange::one(request.container_port),
                        from: BTreeSet::new(),
                    }
                }));
            claim.held.extend(held);
        }
        Ok(claim)
    }

    /// Holds again the ports of a sandbox that outlived the last daemon; one that someone else took meanwhile stays
    /// published all the same, for packets reach the firewall before any socket.
    pub(super) fn hold_ports_again(&self, sandbox: SandboxId, ports: Vec<PublishedPorts>) {
        let mut held = Vec::new();
        for published in &ports {
            for (port, _) in published.pairs() {
                let address = SocketAddr::new(published.host_address, port);
                match self.hands.host.reserve_port(published.protocol, address) {
                    Ok(reservation) => held.push(reservation),
                    Err(error) => tracing::warn!(%address, "published, but not held: {error}"),
                }
            }
        }
        self.ports.keep(sandbox, Claim { ports, held });
    }

    /// One port number for every address the request means.
    fn claim_port(
        &self,
        request: &PortRequest,
        families: Families,
    ) -> Result<(u16, Vec<PortReservation>)> {
        let addresses = request.addresses(families);
        let candidates: Box<dyn Iterator<Item = u16>> = match request.host_ports.clone() {
            Some(range) => Box::new(range),
            None => Box::new(std::iter::repeat_n(0, EPHEMERAL_TRIES)),
        };
        let mut refusal = None;
        for candidate in candidates {
            match self.hold_port(request.protocol, &addresses, candidate) {
                Ok(reserved) => return Ok(reserved),
                Err(error) => refusal = Some(error),
            }
        }
        refusal.map_or(Ok((0, Vec::new())), Err)
    }

    /// The same port at each address; port 0 is the kernel's choice at the first of them.
    fn hold_port(
        &self,
        protocol: Protocol,
        addresses: &[IpAddr],
        mut port: u16,
    ) -> Result<(u16, Vec<PortReservation>)> {
        let mut held = Vec::with_capacity(addresses.len());
        for ip in addresses {
            let address = SocketAddr::new(*ip, port);
            let reservation = self.hands.host.reserve_port(protocol, address);
            let reservation =
                reservation.map_err(|error| match self.is_published(protocol, address) {
                    true => Error::PortAllocated(address),
                    false => error.into(),
                })?;
            port = reservation.port;
            held.push(reservation);
        }
        Ok((port, held))
    }

    /// Whether a sandbox publishes a port that collides with this one.
    fn is_published(&self, protocol: Protocol, address: SocketAddr) -> bool {
        let collides = |port: &PublishedPorts| {
            port.protocol == protocol
                && port.host_ports.overlaps(PortRange::one(address.port()))
                && port.host_address.is_ipv4() == address.is_ipv4()
                && (port.host_address == address.ip()
                    || port.host_address.is_unspecified()
                    || address.ip().is_unspecified())
        };
        self.read(|state| {
            state
                .sandboxes()
                .flat_map(|sandbox| &sandbox.ports)
                .any(collides)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(port: &str, host_ip: &str, host_port: &str) -> Result<PortRequest> {
        let binding = PortBinding {
            host_ip: Some(host_ip.into()),
            host_port: Some(host_port.into()),
        };
        let map = HashMap::from([(port.to_owned(), Some(vec![binding]))]);
        PortRequest::parse(&map).map(|mut requests| requests.remove(0))
    }

    #[test]
    fn a_binding_becomes_a_request() {
        let request = parse("53/udp", "[::1]", "5353-5360").unwrap();
        assert_eq!(request.protocol, Protocol::Udp);
        assert_eq!(request.container_port, 53);
        assert_eq!(request.host_address, Some("::1".parse().unwrap()));
        assert_eq!(request.host_ports, Some(5353..=5360));
        assert_eq!(parse("80", "", "").unwrap().host_ports, None);
    }

    #[test]
    fn a_bad_binding_is_refused_and_named() {
        for (port, ip, host_port) in [
            ("http/tcp", "", "80"),
            ("0/tcp", "", "80"),
            ("80/icmp", "", "80"),
            ("80/tcp", "localhost", "80"),
            ("80/tcp", "", "70000"),
            ("80/tcp", "", "90-80"),
        ] {
            let error = parse(port, ip, host_port).unwrap_err().to_string();
            assert!(error.starts_with("invalid "), "{error}");
        }
    }
}
