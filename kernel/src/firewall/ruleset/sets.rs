//! The sets and maps of the table: everything that changes.

use crate::nft::{Kind, Set};

pub(in crate::firewall) const BRIDGES: &str = "bridges";
pub(in crate::firewall) const WITHIN: &str = "within";
pub(in crate::firewall) const ISOLATED: &str = "isolated";
pub(in crate::firewall) const INTERNAL: &str = "internal";
pub(in crate::firewall) const UNPROTECTED: &str = "unprotected";
pub(in crate::firewall) const ROUTED: &str = "routed";
pub(in crate::firewall) const TRUSTED: &str = "trusted";
pub(in crate::firewall) const MASQUERADED: &str = "masqueraded";
pub(in crate::firewall) const SOURCE4: &str = "source4";
pub(in crate::firewall) const SOURCE6: &str = "source6";
pub(in crate::firewall) const PUBLISH4: &str = "publish4";
pub(in crate::firewall) const PUBLISH6: &str = "publish6";
pub(in crate::firewall) const PUBLISH4_ANY: &str = "publish4_any";
pub(in crate::firewall) const PUBLISH6_ANY: &str = "publish6_any";
pub(in crate::firewall) const RANGES4: &str = "ranges4";
pub(in crate::firewall) const RANGES6: &str = "ranges6";
pub(in crate::firewall) const OPENED4: &str = "opened4";
pub(in crate::firewall) const OPENED6: &str = "opened6";
pub(in crate::firewall) const OPENED_RANGES4: &str = "opened_ranges4";
pub(in crate::firewall) const OPENED_RANGES6: &str = "opened_ranges6";
pub(in crate::firewall) const RESTRICTED4: &str = "restricted4";
pub(in crate::firewall) const RESTRICTED6: &str = "restricted6";
pub(in crate::firewall) const CLIENTS4: &str = "clients4";
pub(in crate::firewall) const CLIENTS6: &str = "clients6";

/// All of them, empty.
pub(super) fn all() -> Vec<Set> {
    use Kind::{Family, InterfaceName, Ipv4, Ipv6, Port, Protocol};
    let link: &[Kind] = &[InterfaceName];
    let links: &[Kind] = &[InterfaceName, InterfaceName];
    let link_of_family: &[Kind] = &[Family, InterfaceName];
    let port: &[Kind] = &[Protocol, Port];
    let socket4: &[Kind] = &[Ipv4, Protocol, Port];
    let socket6: &[Kind] = &[Ipv6, Protocol, Port];
    let client4: &[Kind] = &[Ipv4, Ipv4, Protocol, Port];
    let client6: &[Kind] = &[Ipv6, Ipv6, Protocol, Port];
    vec![
        set(BRIDGES, link, "every network's bridges"),
        set(WITHIN, links, "from bridge to bridge of one network"),
        set(ISOLATED, link, "containers do not talk to each other here"),
        set(INTERNAL, link, "nothing gets in or out here"),
        set(UNPROTECTED, link_of_family, "everything gets in here"),
        set(ROUTED, link_of_family, "opened ports are reached here"),
        set(TRUSTED, links, "from where opened ports are reached here"),
        set(
            MASQUERADED,
            link_of_family,
            "what leaves takes the host's address",
        ),
        map(SOURCE4, link, &[Ipv4], "what leaves takes this address"),
        map(SOURCE6, link, &[Ipv6], "what leaves takes this address"),
        map(PUBLISH4, socket4, &[Ipv4, Port], "published on one address"),
        map(PUBLISH6, socket6, &[Ipv6, Port], "published on one address"),
        map(
            PUBLISH4_ANY,
            port,
            &[Ipv4, Port],
            "published on every address",
        ),
        map(
            PUBLISH6_ANY,
            port,
            &[Ipv6, Port],
            "published on every address",
        ),
        intervals(map(
            RANGES4,
            socket4,
            &[Ipv4],
            "ranges published as they are",
        )),
        intervals(map(
            RANGES6,
            socket6,
            &[Ipv6],
            "ranges published as they are",
        )),
        set(OPENED4, socket4, "ports of containers"),
        set(OPENED6, socket6, "ports of containers"),
        intervals(set(
            OPENED_RANGES4,
            socket4,
            "ranges of ports of containers",
        )),
        intervals(set(
            OPENED_RANGES6,
            socket6,
            "ranges of ports of containers",
        )),
        intervals(set(RESTRICTED4, socket4, "ports for some clients only")),
        intervals(set(RESTRICTED6, socket6, "ports for some clients only")),
        intervals(set(CLIENTS4, client4, "those clients, and their ports")),
        intervals(set(CLIENTS6, client6, "those clients, and their ports")),
    ]
}

fn set(name: &'static str, key: &'static [Kind], comment: &'static str) -> Set {
    map(name, key, &[], comment)
}

fn map(
    name: &'static str,
    key: &'static [Kind],
    data: &'static [Kind],
    comment: &'static str,
) -> Set {
    Set {
        name,
        comment,
        key,
        data,
        intervals: false,
    }
}

fn intervals(set: Set) -> Set {
    Set {
        intervals: true,
        ..set
    }
}
