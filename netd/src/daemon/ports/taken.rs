//! Which ports of the host containers have: an index by range, so that asking costs the same however many there are.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};

use rnet_model::{HostPorts, PortRange, Protocol};

/// Ranges that do not overlap, each by its first port.
type Ranges = BTreeMap<u16, PortRange>;

/// The ports containers have, at each address.
#[derive(Debug, Default)]
pub(super) struct Taken(BTreeMap<(Protocol, IpAddr), Ranges>);

impl Taken {
    /// Takes ports at all of `wanted`, or none of them; a port that somebody has then.
    pub(super) fn take(&mut self, wanted: &[HostPorts]) -> Result<(), SocketAddr> {
        for (nth, ports) in wanted.iter().enumerate() {
            if let Some(held) = self.conflict(ports) {
                self.free(&wanted[..nth]);
                return Err(held);
            }
            let place = self.0.entry((ports.protocol, ports.address)).or_default();
            place.insert(ports.ports.first(), ports.ports);
        }
        Ok(())
    }

    /// Lets go of what was taken.
    pub(super) fn free(&mut self, taken: &[HostPorts]) {
        for ports in taken {
            let place = (ports.protocol, ports.address);
            if let Some(ranges) = self.0.get_mut(&place) {
                ranges.remove(&ports.ports.first());
                if ranges.is_empty() {
                    self.0.remove(&place);
                }
            }
        }
    }

    /// The lowest of the wanted ports that is taken at an address that means the same: an unspecified one means all of
    /// its family.
    fn conflict(&self, wanted: &HostPorts) -> Option<SocketAddr> {
        let same = |address: &IpAddr| {
            address.is_ipv4() == wanted.address.is_ipv4()
                && (*address == wanted.address
                    || address.is_unspecified()
                    || wanted.address.is_unspecified())
        };
        let places = self
            .0
            .iter()
            .filter(|((protocol, address), _)| *protocol == wanted.protocol && same(address));
        let ports = places.filter_map(|(_, ranges)| first_overlap(ranges, wanted.ports));
        ports
            .min()
            .map(|port| SocketAddr::new(wanted.address, port))
    }
}

fn first_overlap(ranges: &Ranges, wanted: PortRange) -> Option<u16> {
    let before = ranges.range(..=wanted.first()).next_back();
    let within = ranges.range(wanted.ports()).next();
    let overlapping = before.into_iter().chain(within).map(|(_, range)| range);
    let mut overlapping = overlapping.filter(|range| range.overlaps(wanted));
    overlapping
        .next()
        .map(|range| range.first().max(wanted.first()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ports(address: &str, first: u16, last: u16) -> HostPorts {
        HostPorts {
            protocol: Protocol::Tcp,
            address: address.parse().unwrap(),
            ports: PortRange::new(first, last).unwrap(),
        }
    }

    #[test]
    fn ranges_collide_where_they_share_a_port_and_an_address() {
        for (held, wanted, port) in [
            (("0.0.0.0", 80, 90), ("0.0.0.0", 85, 85), Some(85)),
            (("0.0.0.0", 80, 90), ("0.0.0.0", 90, 95), Some(90)),
            (("0.0.0.0", 80, 90), ("0.0.0.0", 70, 80), Some(80)),
            (("0.0.0.0", 80, 90), ("0.0.0.0", 70, 99), Some(80)),
            (("0.0.0.0", 80, 90), ("0.0.0.0", 91, 99), None),
            (("0.0.0.0", 80, 90), ("0.0.0.0", 70, 79), None),
            (("0.0.0.0", 80, 90), ("127.0.0.1", 85, 85), Some(85)),
            (("127.0.0.1", 80, 90), ("0.0.0.0", 85, 85), Some(85)),
            (("127.0.0.1", 80, 90), ("192.0.2.1", 85, 85), None),
            (("0.0.0.0", 80, 90), ("::", 85, 85), None),
        ] {
            let mut taken = Taken::default();
            taken.take(&[ports(held.0, held.1, held.2)]).unwrap();
            let wanted = ports(wanted.0, wanted.1, wanted.2);
            let refusal = taken.take(&[wanted]).err();
            assert_eq!(refusal.map(|it| it.port()), port, "{held:?} {wanted}");
            assert!(refusal.is_none_or(|it| it.ip() == wanted.address));
        }
    }

    #[test]
    fn the_other_protocol_is_free() {
        let tcp = ports("0.0.0.0", 80, 80);
        let udp = HostPorts {
            protocol: Protocol::Udp,
            ..tcp
        };
        Taken::default().take(&[tcp, udp]).unwrap();
    }

    #[test]
    fn half_of_what_is_refused_is_not_kept() {
        let mut taken = Taken::default();
        let (v4, v6) = (ports("0.0.0.0", 80, 80), ports("::", 80, 80));
        taken.take(&[v6]).unwrap();
        assert_eq!(taken.take(&[v4, v6]), Err("[::]:80".parse().unwrap()));
        taken.take(&[v4]).unwrap();
        taken.free(&[v4, v6]);
        assert!(taken.0.is_empty());
    }

    #[test]
    fn twenty_thousand_ports_beside_ten_thousand_are_found_free_at_once() {
        let mut taken = Taken::default();
        let held: Vec<_> = (1..=10_000)
            .map(|port| ports("0.0.0.0", port, port))
            .collect();
        taken.take(&held).unwrap();
        taken.take(&[ports("0.0.0.0", 20_000, 39_999)]).unwrap();
        let refusal = taken.take(&[ports("0.0.0.0", 10_000, 29_999)]).unwrap_err();
        assert_eq!(refusal.port(), 10_000);
    }
}
