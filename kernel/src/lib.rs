//! The hands of rnet: the only crate that talks to the kernel's network.
//!
//! It knows resources and a firewall policy; it does not know networks or endpoints. Its rooms:
//!
//! ```text
//! contract    what the daemon may ask: Kernel, Firewall, Host
//! netlink     Kernel and Host on this machine
//!   ensure      making resources exist       batch    those that take one message each
//!   join        bridges adopted, and joined by patches
//!   borrow      links of others, taken into sandboxes
//!   remove      making them cease to exist   reaper   deleting links off the caller's path
//!   host        facts, routes, sockets       ports    ports of the host, held
//!   conntrack   stale flows, forgotten
//!   traveller   threads in sandboxes         pins     what keeps sandboxes alive
//!   rtnl        the conversation with rtnetlink
//!   socket_filter  what netlink sockets are not told
//!   mark        what tells rnet's objects from those of others
//! firewall    Firewall on this machine
//!   nft         nftables over netlink
//! iptables    Firewall on a machine whose rules are iptables'
//! fake        all three in memory, for tests
//! ```

mod announce;
mod batch;
mod borrow;
mod conntrack;
mod contract;
mod ensure;
mod error;
mod facts;
pub mod fake;
mod firewall;
mod gateway_sockets;
mod host;
mod iptables;
mod join;
mod mark;
mod netlink;
mod nft;
mod outcome;
mod pins;
mod ports;
mod reaper;
mod remove;
mod resources;
mod rtnl;
mod shape;
mod socket_filter;
mod traveller;

pub use contract::{
    Firewall, HeldPorts, Host, HostRoute, Kernel, News, Owned, ResolverSockets, SocketKind, Watch,
};
pub use error::KernelError;
pub use firewall::Nftables;
pub use iptables::{Iptables, Variant as IptablesVariant};
pub use netlink::Netlink;
pub use pins::pin_path;
pub use rtnl::Refusal;
