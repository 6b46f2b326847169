//! A kernel resource: one object in one network namespace, as a value that can be stored, compared and printed.
//!
//! Its text reads like the `ip` command that would make it.

use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::{
    Adopted, Borrowed, Bridge, Cidr, IfName, Intake, Patch, SandboxId, Shaper, Told, Veth,
};

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
    /// A network namespace that somebody else made, pinned in the same way; always in [`Place::Host`]. Removing it
    /// removes the pin, and the lead to rnet's resolver in it.
    GuestNamespace {
        /// The sandbox it is of.
        sandbox: SandboxId,
        /// Where it is found: a mount such as /run/netns/NAME, or /proc/PID/ns/net.
        path: PathBuf,
    },
    /// A bridge, up.
    Bridge(Bridge),
    /// A bridge that somebody else made, used as it is; removing it removes rnet's addresses from it, and nothing else.
    Adopted(Adopted),
    /// A pair of veth links that joins two bridges, up.
    Patch(Patch),
    /// A pair of veth links: the end named here is up and a port of a bridge, the other is in a sandbox, down.
    Veth(Veth),
    /// What leaves by a link of the host is limited.
    Shaper(Shaper),
    /// What arrives by a link of the host is limited.
    Intake(Intake),
    /// A link that somebody else made, taken into a sandbox; removing it gives it back.
    Borrowed(Borrowed),
    /// Nothing of the kernel's: what a plugin was told on the way. Removing it tells the plugin the reverse.
    Told(Told),
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
    /// A number under /proc/sys that is raised where it is lower, and left alone where it is not there: some of them
    /// are the initial network namespace's. Removing it changes nothing.
    LeastSysctl {
        /// The path below /proc/sys, with slashes.
        key: String,
        /// The least value.
        least: u64,
    },
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
            Self::GuestNamespace { sandbox, path } => {
                write!(f, "netns attach {} {}", sandbox.short(), path.display())
            }
            Self::Bridge(bridge) => bridge.fmt(f),
            Self::Adopted(bridge) => bridge.fmt(f),
            Self::Patch(patch) => patch.fmt(f),
            Self::Veth(veth) => veth.fmt(f),
            Self::Shaper(shaper) => shaper.fmt(f),
            Self::Intake(intake) => intake.fmt(f),
            Self::Borrowed(link) => link.fmt(f),
            Self::Told(told) => told.fmt(f),
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
            Self::LeastSysctl { key, least } => write!(f, "sysctl {key}>={least}"),
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
