//! Where the names that are not known here are asked for.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use rnet_model::Place;

use crate::RESOLVER;

/// The port of DNS (RFC 1035, 4.2).
const PORT: u16 = 53;

/// A server that names are forwarded to, and the network namespace it is asked from.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Upstream {
    /// Where from: the host for servers of the host's resolv.conf, the sandbox for those a user gave.
    pub place: Place,
    /// The server's address and port.
    pub address: SocketAddr,
}

impl fmt::Display for Upstream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.address.fmt(f)?;
        match self.place {
            Place::Host => f.write_str(" from the host"),
            Place::Sandbox(sandbox) => write!(f, " from sandbox {}", sandbox.short()),
        }
    }
}

/// The servers of one sandbox, the preferred first; none means that nothing is forwarded.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub struct Forwarding(Arc<[Upstream]>);

impl Forwarding {
    /// How many servers are asked for one name at most (`MAXNS` of resolv.conf(5), as in libnetwork's resolver).
    pub const MAX_UPSTREAMS: usize = 3;

    /// The first three of `upstreams`, without those that would lead a query back to the resolver itself.
    ///
    /// 127.0.0.11 is such a one inside a sandbox only. Asked from the host it is the resolver of another engine
    /// that this daemon runs in a container of, and a good server.
    pub fn new(upstreams: impl IntoIterator<Item = Upstream>) -> Self {
        Self(
            upstreams
                .into_iter()
                .filter(|upstream| !leads_back(upstream))
                .take(Self::MAX_UPSTREAMS)
                .collect(),
        )
    }

    /// The servers at port 53 of `addresses`, all asked from `place`.
    pub fn from_addresses(place: Place, addresses: impl IntoIterator<Item = IpAddr>) -> Self {
        Self::new(addresses.into_iter().map(|ip| Upstream {
            place,
            address: SocketAddr::new(ip, PORT),
        }))
    }

    /// The servers, the preferred first.
    pub fn upstreams(&self) -> &[Upstream] {
        &self.0
    }
}

fn leads_back(upstream: &Upstream) -> bool {
    upstream.place != Place::Host && upstream.address.ip().to_canonical() == IpAddr::V4(RESOLVER)
}

#[cfg(test)]
mod tests {
    use rnet_model::SandboxId;

    use super::*;

    const SANDBOX: Place = Place::Sandbox(SandboxId::from_bytes([1; 32]));

    fn ips(texts: &[&str]) -> Vec<IpAddr> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    #[test]
    fn a_sandbox_never_forwards_to_its_own_resolver() {
        let list = ips(&["127.0.0.11", "::ffff:127.0.0.11", "9.9.9.9"]);
        let forwarding = Forwarding::from_addresses(SANDBOX, list);
        assert_eq!(
            forwarding.upstreams(),
            [Upstream {
                place: SANDBOX,
                address: "9.9.9.9:53".parse().unwrap()
            }]
        );
    }

    #[test]
    fn the_resolver_of_an_engine_around_this_one_is_a_good_server() {
        let forwarding = Forwarding::from_addresses(Place::Host, ips(&["127.0.0.11"]));
        assert_eq!(forwarding.upstreams().len(), 1);
    }

    #[test]
    fn no_more_than_three_servers_are_asked_and_those_left_out_do_not_count() {
        let list = ips(&["127.0.0.11", "10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.4"]);
        let forwarding = Forwarding::from_addresses(SANDBOX, list);
        let last = forwarding
            .upstreams()
            .last()
            .map(|upstream| upstream.address.ip());
        assert_eq!(forwarding.upstreams().len(), 3);
        assert_eq!(last, Some("10.0.0.3".parse().unwrap()));
    }
}
