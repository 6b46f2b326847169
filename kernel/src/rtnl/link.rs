//! What the kernel tells of a link.

use netlink_packet_route::RouteNetlinkMessage;
use netlink_packet_route::link::{InfoKind, LinkAttribute, LinkInfo, LinkMessage};

use rnet_model::MacAddress;

use crate::mark::Mark;

/// A link that exists.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Link {
    pub(crate) index: u32,
    pub(crate) name: String,
    /// Whose it is.
    pub(crate) mark: Mark,
    /// None for hardware.
    pub(crate) kind: Option<InfoKind>,
    /// None where it is not of six bytes.
    pub(crate) mac: Option<MacAddress>,
    /// In bytes.
    pub(crate) mtu: u32,
    /// The index of the other end of a pair, in that end's namespace.
    pub(crate) peer: Option<u32>,
}

impl Link {
    /// Whether the other end of this pair is that link, of another namespace.
    pub(crate) fn is_paired_with(&self, other: &Self) -> bool {
        self.peer == Some(other.index) && other.peer == Some(self.index)
    }

    /// None if the message is about something else.
    pub(crate) fn parse(message: RouteNetlinkMessage) -> Option<Self> {
        let RouteNetlinkMessage::NewLink(LinkMessage {
            header, attributes, ..
        }) = message
        else {
            return None;
        };
        let mut link = Self {
            index: header.index,
            name: String::new(),
            mark: Mark::Foreign,
            kind: None,
            mac: None,
            mtu: 0,
            peer: None,
        };
        for attribute in attributes {
            match attribute {
                LinkAttribute::IfName(name) => link.name = name,
                LinkAttribute::Group(group) => link.mark = Mark::of_group(group),
                LinkAttribute::Address(bytes) => {
                    link.mac = bytes.try_into().ok().and_then(MacAddress::unicast);
                }
                LinkAttribute::Mtu(mtu) => link.mtu = mtu,
                LinkAttribute::Link(peer) => link.peer = Some(peer),
                LinkAttribute::LinkInfo(infos) => link.kind = infos.into_iter().find_map(kind),
                _ => {}
            }
        }
        Some(link)
    }
}

fn kind(info: LinkInfo) -> Option<InfoKind> {
    match info {
        LinkInfo::Kind(kind) => Some(kind),
        _ => None,
    }
}
