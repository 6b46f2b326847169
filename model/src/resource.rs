//! A kernel resource: one object in one network namespace, as a value that can be stored, compared and printed.
//!
//! Its text reads like the `ip` command that would make it.

use std::fmt;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::{Cidr, IfName, MacAddress, Mtu, SandboxId};

/// Which network namespace an object is in.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Place {
    /// The daemon's own.
    Host,
    /// A sandbox's.
    Sandbox(SandboxId),
}

/// One object in one place.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Resource {
    /// Where.
    pub place: Place,
    /// What.
    pub object: Object,
}

/// What the kernel can be asked to have.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Object {
    /// A network namespace, pinned by a bind mount in the daemon's run directory; always in [`Place::Host`].
    Namespace(SandboxId),
    /// A bridge, up.
    Bridge(Bridge),
    /// A pair of veth links: the end named here is up and a port of a bridge, the other is in a sandbox, down.
    Veth(Veth),
    /// An existing link is up.
    Up(IfName),
    /// An address on a link.
    Address {
        /// The link.
        link: IfName,
        /// The address with its prefix length.
        cidr: Cidr,
    },
    /// A route; it replaces the one to the same destination.
    Route {
        /// What is reached (`0.0.0.0/0` and `::/0` are the default routes).
        destination: Cidr,
        /// The next hop; none where the destination is on the link.
        gateway: Option<IpAddr>,
        /// The link it leaves by.
        link: IfName,
    },
    /// A value under /proc/sys; removing it changes nothing, as what was there before may be long out of date.
    Sysctl {
        /// The path below /proc/sys, with slashes.
        key: String,
        /// The value.
        value: String,
    },
}

/// A bridge.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Bridge {
    /// Its name.
    pub name: IfName,
    /// Its hardware address, fixed, so that it does not change as ports come and go.
    pub mac: MacAddress,
    /// Its MTU; none leaves the kernel's default.
    pub mtu: Option<Mtu>,
}

/// A pair of veth links.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Veth {
    /// The end in the host's namespace.
    pub name: IfName,
    /// The bridge that end is a port of.
    pub bridge: IfName,
    /// Whether the port is cut off from the bridge's other isolated ports (IFLA_BRPORT_ISOLATED).
    pub isolated: bool,
    /// The MTU of both ends; none leaves the kernel's default.
    pub mtu: Option<Mtu>,
    /// The other end.
    pub peer: VethPeer,
}

/// The end of a veth pair that is made inside a sandbox, already under its final name.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct VethPeer {
    /// The sandbox it is made in.
    pub sandbox: SandboxId,
    /// Its name there.
    pub name: IfName,
    /// Its hardware address.
    pub mac: MacAddress,
}

impl Resource {
    /// An object of the host.
    pub const fn host(object: Object) -> Self {
        Self {
            place: Place::Host,
            object,
        }
    }

    /// An object of a sandbox.
    pub const fn sandbox(sandbox: SandboxId, object: Object) -> Self {
        Self {
            place: Place::Sandbox(sandbox),
            object,
        }
    }
}

impl fmt::Display for Resource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Place::Sandbox(sandbox) = self.place {
            write!(f, "-n {} ", sandbox.short())?;
        }
        self.object.fmt(f)
    }
}

impl fmt::Display for Object {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Namespace(sandbox) => write!(f, "netns add {}", sandbox.short()),
            Self::Bridge(bridge) => bridge.fmt(f),
            Self::Veth(veth) => veth.fmt(f),
            Self::Up(link) => write!(f, "link set {link} up"),
            Self::Address { link, cidr } => write!(f, "address add {cidr} dev {link}"),
            Self::Route {
                destination,
                gateway,
                link,
            } => {
                write!(f, "route replace {destination}")?;
                gateway
                    .iter()
                    .try_for_each(|gateway| write!(f, " via {gateway}"))?;
                write!(f, " dev {link}")
            }
            Self::Sysctl { key, value } => write!(f, "sysctl {key}={value}"),
        }
    }
}

impl fmt::Display for Bridge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "link add {} up address {}", self.name, self.mac)?;
        self.mtu
            .iter()
            .try_for_each(|mtu| write!(f, " mtu {mtu}"))?;
        f.write_str(" type bridge")
    }
}

impl fmt::Display for Veth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "link add {} up master {}", self.name, self.bridge)?;
        self.mtu
            .iter()
            .try_for_each(|mtu| write!(f, " mtu {mtu}"))?;
        let VethPeer { sandbox, name, mac } = &self.peer;
        write!(
            f,
            " type veth peer {name} address {mac} netns {}",
            sandbox.short()
        )?;
        if self.isolated {
            f.write_str(" isolated on")
        } else {
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_resource_reads_like_the_command_that_makes_it_and_survives_storage() {
        let sandbox = SandboxId::from_bytes([0xab; 32]);
        let route = Resource::sandbox(
            sandbox,
            Object::Route {
                destination: "0.0.0.0/0".parse().unwrap(),
                gateway: Some("172.25.0.1".parse().unwrap()),
                link: "eth0".parse().unwrap(),
            },
        );
        assert_eq!(
            route.to_string(),
            "-n abababababab route replace 0.0.0.0/0 via 172.25.0.1 dev eth0"
        );
        let stored = serde_json::to_string(&route).unwrap();
        assert_eq!(serde_json::from_str::<Resource>(&stored).unwrap(), route);
    }
}
