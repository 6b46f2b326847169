//! The words of rnet: networks, endpoints, sandboxes, and the kernel resources and firewall policy they mean.
//!
//! Nothing here does I/O and nothing here depends on another rnet crate: every crate speaks these values.

mod bandwidth;
mod container_link;
mod detach_keys;
mod dns;
mod endpoint;
mod facts;
mod id;
mod interface_sysctl;
mod link;
mod link_object;
mod network;
mod policy;
mod port;
mod resource;
mod sandbox;
mod subnet_half;
mod told;

pub use bandwidth::{Bandwidth, Intake, InvalidBandwidth, RateLimit, Shaper};
pub use container_link::{ContainerLink, InvalidContainerLink};
pub use detach_keys::{DetachKeys, DetachWatch, InvalidDetachKeys};
pub use dns::DnsConfig;
pub use endpoint::{Endpoint, EndpointSettings, Phase};
pub use facts::{ForeignBridge, ForeignLink, HostFacts};
pub use id::{ContainerId, EndpointId, InvalidId, NetworkId, SandboxId};
pub use interface_sysctl::{ENDPOINT_SYSCTLS, InterfaceSysctl, InvalidInterfaceSysctl};
pub use link::{IfName, InvalidIfName, InvalidMac, InvalidMtu, MacAddress, Mtu};
pub use link_object::{Adopted, Borrowed, Bridge, Patch, PatchEnd, Veth, VethPeer};
pub use network::{Network, Subnet};
pub use policy::{
    FamilyPolicy, FirewallPolicy, HostPorts, Inbound, NetworkPolicy, OpenPorts, Publication,
    SourceNat,
};
pub use port::{InvalidPortRange, InvalidProtocol, PortRange, Protocol, PublishedPorts};
pub use resource::{Object, Place, Resource};
pub use sandbox::{Guest, Sandbox};
pub use subnet_half::upper_half;
pub use told::{Joined, Step, Told};

/// An address with its prefix length, host bits kept (`172.25.0.1/16`), or a subnet (`172.25.0.0/16`).
pub use ipnetwork::IpNetwork as Cidr;
