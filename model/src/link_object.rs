//! The links that resources are made of: bridges, and the pairs that lead to them.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{Cidr, IfName, MacAddress, Mtu, Place, SandboxId};

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
    /// Whether what came in by the port may leave by it again (IFLA_BRPORT_MODE), as it must where the packet filter
    /// translates on the bridge.
    #[serde(default)]
    pub hairpin: bool,
    /// The MTU of both ends; none leaves the kernel's default.
    pub mtu: Option<Mtu>,
    /// The other end.
    pub peer: VethPeer,
}

/// The far end of a veth pair: made inside a sandbox under its final name, or offered.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct VethPeer {
    /// The sandbox it is made in; none where it is offered: it is made in the host's namespace, for another runtime to
    /// take away, and what becomes of it there is that runtime's.
    #[serde(default)]
    pub sandbox: Option<SandboxId>,
    /// Its name where it is made.
    pub name: IfName,
    /// Its hardware address.
    pub mac: MacAddress,
}

/// A bridge that somebody else made.
///
/// It keeps its addresses, its hardware address, its MTU and whatever else it is; `netd` makes ports of it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Adopted {
    /// Its name.
    pub name: IfName,
    /// Its MTU when it was adopted, which that of its new ports follows.
    pub mtu: Mtu,
    /// What it is given beside the addresses it has.
    pub addresses: Vec<Cidr>,
}

/// A link that somebody else made in the host's namespace, for a sandbox.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Borrowed {
    /// Its name in the host's namespace.
    pub name: IfName,
    /// The sandbox it is taken into.
    pub sandbox: SandboxId,
    /// Its name there.
    pub ifname: IfName,
    /// The hardware address it gets; none leaves it its own.
    pub mac: Option<MacAddress>,
}

/// A pair of veth links between two bridges of the host.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Patch {
    /// One end.
    pub near: PatchEnd,
    /// The other.
    pub far: PatchEnd,
    /// The MTU of both ends; none leaves the kernel's default.
    pub mtu: Option<Mtu>,
}

/// One end of a patch.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct PatchEnd {
    /// Its name.
    pub name: IfName,
    /// The bridge it is a port of.
    pub bridge: IfName,
    /// Whether the port is cut off from the bridge's other isolated ports (IFLA_BRPORT_ISOLATED).
    pub isolated: bool,
}

impl VethPeer {
    /// Where it is made.
    pub fn place(&self) -> Place {
        self.sandbox.map_or(Place::Host, Place::Sandbox)
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
        write!(f, " type veth peer {name} address {mac}")?;
        let mut inside = sandbox.iter();
        inside.try_for_each(|sandbox| write!(f, " netns {}", sandbox.short()))?;
        f.write_str(if self.isolated { " isolated on" } else { "" })?;
        f.write_str(if self.hairpin { " hairpin on" } else { "" })
    }
}

impl fmt::Display for Adopted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "link show {} type bridge", self.name)?;
        let mut addresses = self.addresses.iter();
        addresses.try_for_each(|cidr| write!(f, " && address add {cidr} dev {}", self.name))
    }
}

impl fmt::Display for Borrowed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            name,
            sandbox,
            ifname,
            mac,
        } = self;
        write!(f, "link set {name} netns {} name {ifname}", sandbox.short())?;
        mac.iter().try_for_each(|mac| write!(f, " address {mac}"))
    }
}

impl fmt::Display for Patch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let end = |f: &mut fmt::Formatter<'_>,
                   PatchEnd {
                       name,
                       bridge,
                       isolated,
                   }: &PatchEnd| {
            write!(f, " {name} up master {bridge}")?;
            f.write_str(if *isolated { " isolated on" } else { "" })
        };
        f.write_str("link add")?;
        end(f, &self.near)?;
        self.mtu
            .iter()
            .try_for_each(|mtu| write!(f, " mtu {mtu}"))?;
        f.write_str(" type veth peer")?;
        end(f, &self.far)
    }
}
