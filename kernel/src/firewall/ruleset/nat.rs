//! The chains that translate addresses; they see the first packet of a connection.

use super::{
    BRIDGES, LOOPBACK4, LOOPBACK6, MASQUERADED, PUBLISH4, PUBLISH4_ANY, PUBLISH6, PUBLISH6_ANY,
    RANGES4, RANGES6, SOCKET4, SOCKET6, SOURCE4, SOURCE6, for_clients_only, same_network,
};
use crate::nft::{Chain, Field, Hook, Kind, Point, Rule, Term};

pub(super) fn prerouting() -> Chain {
    let arrives = [Term::Begins(Field::Destination4, LOOPBACK4), Term::Accept];
    let own = [Term::ToThisHost, Term::Goto("published")];
    Chain {
        name: "prerouting",
        hook: Some(Hook::Nat(Point::Prerouting, -100)),
        rules: vec![
            Rule::new("loopback is published to this host only", arrives),
            Rule::new("ports of this host", own),
        ],
    }
}

pub(super) fn output() -> Chain {
    let loopback6 = [Term::Begins(Field::Destination6, LOOPBACK6), Term::Accept];
    let own = [Term::ToThisHost, Term::Goto("published")];
    Chain {
        name: "output",
        hook: Some(Hook::Nat(Point::Output, -100)),
        rules: vec![
            Rule::new("IPv6 loopback does not leave this host", loopback6),
            Rule::new("ports of this host, from itself", own),
        ],
    }
}

pub(super) fn published() -> Chain {
    const PORT: &[Field] = &[Field::Protocol, Field::DestinationPort];
    let one4 = Term::TranslateBy(Kind::Ipv4, SOCKET4, PUBLISH4);
    let one6 = Term::TranslateBy(Kind::Ipv6, SOCKET6, PUBLISH6);
    let any4 = Term::TranslateBy(Kind::Ipv4, PORT, PUBLISH4_ANY);
    let any6 = Term::TranslateBy(Kind::Ipv6, PORT, PUBLISH6_ANY);
    let ranges4 = Term::TranslateAddressBy(Kind::Ipv4, SOCKET4, RANGES4);
    let ranges6 = Term::TranslateAddressBy(Kind::Ipv6, SOCKET6, RANGES6);
    let mut rules = Vec::from(for_clients_only());
    rules.extend([
        Rule::new("a port of one IPv4 address", [one4]),
        Rule::new("a port of one IPv6 address", [one6]),
        Rule::new("a port of every IPv4 address", [any4]),
        Rule::new("a port of every IPv6 address", [any6]),
        Rule::new("one of a range of IPv4 ports", [ranges4]),
        Rule::new("one of a range of IPv6 ports", [ranges6]),
    ]);
    Chain {
        name: "published",
        hook: None,
        rules,
    }
}

pub(super) fn postrouting() -> Chain {
    const INPUT: &[Field] = &[Field::InputName];
    let own = [
        Term::FromNoInterface,
        Term::In(&[Field::OutputName], BRIDGES),
        Term::Translated,
        Term::Masquerade,
    ];
    let hairpin = [same_network(), Term::Translated, Term::Masquerade];
    let masqueraded = Term::In(&[Field::Family, Field::InputName], MASQUERADED);
    let source4 = Term::SourceBy(Kind::Ipv4, INPUT, SOURCE4);
    let source6 = Term::SourceBy(Kind::Ipv6, INPUT, SOURCE6);
    Chain {
        name: "postrouting",
        hook: Some(Hook::Nat(Point::Postrouting, 100)),
        rules: vec![
            Rule::new(
                "this host to a published port, or a sibling by br_netfilter",
                own,
            ),
            Rule::new("a sibling to a published port", hairpin),
            Rule::new(
                "stays in its network, as it is",
                [same_network(), Term::Accept],
            ),
            Rule::new(
                "out of a network that masquerades",
                [masqueraded, Term::Masquerade],
            ),
            Rule::new("out of a network with an IPv4 address for it", [source4]),
            Rule::new("out of a network with an IPv6 address for it", [source6]),
        ],
    }
}
