//! What a network interface is called, its hardware address, and its largest packet.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The name of a network interface: 1–15 bytes, as the kernel's `dev_valid_name` wants it (net/core/dev.c).
///
/// `%` is refused too, as the kernel puts a number in its place, and so are `all` and `default`, whose sysctls are
/// those of every link.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct IfName(String);

/// A text the kernel would refuse as an interface name.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error(
    "invalid interface name {0:?}: use 1 to 15 characters, no '/', ':', '%' or white space, and neither \"all\" nor \"default\""
)]
pub struct InvalidIfName(String);

impl IfName {
    /// The kernel's limit, in bytes, without the terminating NUL (IFNAMSIZ - 1).
    pub const MAX_LEN: usize = 15;

    /// The name as the kernel sees it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for IfName {
    type Error = InvalidIfName;

    fn try_from(name: String) -> Result<Self, InvalidIfName> {
        let fits = (1..=Self::MAX_LEN).contains(&name.len())
            && !matches!(name.as_str(), "." | ".." | "all" | "default");
        let clean = name
            .bytes()
            .all(|b| b.is_ascii_graphic() && !matches!(b, b'/' | b':' | b'%'));
        if fits && clean {
            Ok(Self(name))
        } else {
            Err(InvalidIfName(name))
        }
    }
}

impl FromStr for IfName {
    type Err = InvalidIfName;

    fn from_str(name: &str) -> Result<Self, InvalidIfName> {
        Self::try_from(name.to_owned())
    }
}

impl From<IfName> for String {
    fn from(name: IfName) -> String {
        name.0
    }
}

impl fmt::Display for IfName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// An Ethernet hardware address.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct MacAddress([u8; 6]);

/// A text that is not six colon-separated hex bytes of a unicast address.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error(
    "invalid MAC address {0:?}: six hex bytes such as 02:42:ac:19:64:02 are expected, of a unicast address"
)]
pub struct InvalidMac(String);

impl MacAddress {
    /// A unicast, locally administered address (IEEE 802-2014, 8.2) from six bytes of any origin.
    pub const fn local(mut bytes: [u8; 6]) -> Self {
        bytes[0] = bytes[0] & 0b1111_1100 | 0b0000_0010;
        Self(bytes)
    }

    /// These six bytes, if an interface may have them: a unicast address that is not all zeros.
    pub fn unicast(bytes: [u8; 6]) -> Option<Self> {
        (bytes[0] & 1 == 0 && bytes != [0; 6]).then_some(Self(bytes))
    }

    /// The six bytes, first transmitted first.
    pub const fn octets(self) -> [u8; 6] {
        self.0
    }
}

impl FromStr for MacAddress {
    type Err = InvalidMac;

    fn from_str(text: &str) -> Result<Self, InvalidMac> {
        let invalid = || InvalidMac(text.to_owned());
        let mut bytes = [0; 6];
        let mut parts = text.split(':');
        for byte in &mut bytes {
            let part = parts
                .next()
                .filter(|part| part.len() == 2)
                .ok_or_else(invalid)?;
            *byte = u8::from_str_radix(part, 16).map_err(|_| invalid())?;
        }
        let rest = parts.next();
        Self::unicast(bytes)
            .filter(|_| rest.is_none())
            .ok_or_else(invalid)
    }
}

impl TryFrom<String> for MacAddress {
    type Error = InvalidMac;

    fn try_from(text: String) -> Result<Self, InvalidMac> {
        text.parse()
    }
}

impl From<MacAddress> for String {
    fn from(mac: MacAddress) -> String {
        mac.to_string()
    }
}

impl fmt::Display for MacAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, g] = self.0;
        write!(f, "{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{g:02x}")
    }
}

/// The largest packet a link carries, in bytes: 68 (RFC 791) to 65535.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(try_from = "u32", into = "u32")]
pub struct Mtu(u32);

/// A number of bytes no link can have as its MTU.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("invalid MTU {0}: 68 to 65535 bytes are expected")]
pub struct InvalidMtu(u32);

impl Mtu {
    /// The kernel's default for Ethernet links, bridges and veths (IEEE 802.3).
    pub const ETHERNET: Self = Self(1500);
}

impl TryFrom<u32> for Mtu {
    type Error = InvalidMtu;

    fn try_from(bytes: u32) -> Result<Self, InvalidMtu> {
        if (68..=65_535).contains(&bytes) {
            Ok(Self(bytes))
        } else {
            Err(InvalidMtu(bytes))
        }
    }
}

impl From<Mtu> for u32 {
    fn from(mtu: Mtu) -> u32 {
        mtu.0
    }
}

impl fmt::Display for Mtu {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_the_kernel_refuses_are_refused_here() {
        for name in [
            "",
            ".",
            "..",
            "a/b",
            "a:b",
            "a b",
            "sixteen-letters-",
            "é",
            "eth%d",
            "all",
            "default",
        ] {
            assert!(name.parse::<IfName>().is_err(), "{name:?}");
        }
        assert!("br-0a0a0a0a0a0a".parse::<IfName>().is_ok());
    }

    #[test]
    fn a_mac_address_is_six_hex_bytes_of_a_unicast_address() {
        let mac: MacAddress = "02:42:ac:19:64:02".parse().unwrap();
        assert_eq!(mac.to_string(), "02:42:ac:19:64:02");
        for text in [
            "",
            "02:42",
            "01:00:5e:00:00:01",
            "00:00:00:00:00:00",
            "2:42:ac:19:64:02:1",
        ] {
            assert!(text.parse::<MacAddress>().is_err(), "{text:?}");
        }
        assert_eq!(
            MacAddress::local([0xff; 6]).to_string(),
            "fe:ff:ff:ff:ff:ff"
        );
    }
}
