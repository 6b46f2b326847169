//! rnet's mark: what tells its own objects in the kernel from those of others.
//!
//! Links are marked by their group, not by an alias: the kernel takes a group in the very message that makes a link
//! (net/core/rtnetlink.c, `rtnl_create_link`), so that there is no moment, and no crash, at which a link of rnet's
//! goes unmarked. The numbers are ASCII: `ip link show group 1919837556` lists what is rnet's.

use netlink_packet_route::route::RouteProtocol;

/// The group of rnet's links: "rnet".
pub(crate) const GROUP: u32 = u32::from_be_bytes(*b"rnet");
/// The group of links that are to be deleted: "reap".
pub(crate) const DOOMED_GROUP: u32 = u32::from_be_bytes(*b"reap");
/// The protocol of rnet's routes: "r". Nobody else's, going by include/uapi/linux/rtnetlink.h and iproute2's
/// rt_protos.
pub(crate) const ROUTE_PROTOCOL: RouteProtocol = RouteProtocol::Other(b'r');

/// Whose a link is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Mark {
    /// rnet's.
    Own,
    /// rnet's, on its way out.
    Doomed,
    /// Somebody else's, not to be touched.
    Foreign,
}

impl Mark {
    pub(crate) const fn of_group(group: u32) -> Self {
        match group {
            GROUP => Self::Own,
            DOOMED_GROUP => Self::Doomed,
            _ => Self::Foreign,
        }
    }
}
