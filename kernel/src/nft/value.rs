//! What keys and data of elements are made of, as the kernel compares it: padded to 32 bits, in the order of the wire.

use std::net::IpAddr;

use rnet_model::{IfName, Protocol};

/// Values side by side.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub(crate) struct Value(Vec<u8>);

impl Value {
    /// The name of an interface follows.
    pub(crate) fn name(self, name: &IfName) -> Self {
        let mut padded = [0; libc::IFNAMSIZ];
        padded[..name.as_str().len()].copy_from_slice(name.as_str().as_bytes());
        self.followed_by(&padded)
    }

    /// An address follows.
    pub(crate) fn address(self, address: IpAddr) -> Self {
        match address {
            IpAddr::V4(address) => self.followed_by(&address.octets()),
            IpAddr::V6(address) => self.followed_by(&address.octets()),
        }
    }

    /// A transport protocol follows.
    pub(crate) fn protocol(self, protocol: Protocol) -> Self {
        self.followed_by(&[protocol.number(), 0, 0, 0])
    }

    /// A port follows.
    pub(crate) fn port(self, port: u16) -> Self {
        let [high, low] = port.to_be_bytes();
        self.followed_by(&[high, low, 0, 0])
    }

    /// IPv4 or IPv6 follows (NFPROTO_IPV4 and NFPROTO_IPV6 of linux/netfilter.h).
    pub(crate) fn family(self, v4: bool) -> Self {
        self.followed_by(&[if v4 { 2 } else { 10 }, 0, 0, 0])
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.0
    }

    fn followed_by(mut self, bytes: &[u8]) -> Self {
        if self.0.is_empty() {
            // the largest key is two IPv6 addresses, a protocol and a port
            self.0.reserve_exact(24.max(bytes.len()));
        }
        self.0.extend_from_slice(bytes);
        self
    }
}
