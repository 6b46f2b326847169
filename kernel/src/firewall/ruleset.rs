//! The table `inet rnet`: a constant number of rules, and sets for all that changes.
//!
//! docs/firewall.md shows it filled, with a sentence for each rule and the reasons for their order.

use crate::nft::{Chain, Family, Field, Hook, Kind, Point, Rule, Set, Table, Term};

pub(super) const FAMILY: Family = Family::Inet;
pub(super) const NAME: &str = "rnet";

pub(super) const BRIDGES: &str = "bridges";
pub(super) const WITHIN: &str = "within";
pub(super) const ISOLATED: &str = "isolated";
pub(super) const INTERNAL: &str = "internal";
pub(super) const MASQUERADE: &str = "masqueraded";
pub(super) const PUBLISH4: &str = "publish4";
pub(super) const PUBLISH6: &str = "publish6";
pub(super) const PUBLISH4_ANY: &str = "publish4_any";
pub(super) const PUBLISH6_ANY: &str = "publish6_any";

const LOOPBACK4: &[u8] = &[127];
const LOOPBACK6: &[u8] = &[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];

/// The table without elements.
pub(super) fn table() -> Table {
    Table {
        family: FAMILY,
        name: NAME,
        sets: sets(),
        chains: vec![
            guard(),
            prerouting(),
            output(),
            published(),
            forward(),
            within(),
            postrouting(),
        ],
    }
}

fn sets() -> Vec<Set> {
    use Kind::{InterfaceName, Ipv4, Ipv6, Port, Protocol};
    let set = |name, key, comment| Set {
        name,
        comment,
        key,
        data: &[],
    };
    let map = |name, key, data, comment| Set {
        name,
        comment,
        key,
        data,
    };
    let pair = &[InterfaceName, InterfaceName];
    vec![
        set(BRIDGES, &[InterfaceName], "every network's bridge"),
        set(WITHIN, pair, "from a bridge to the same bridge"),
        set(
            ISOLATED,
            &[InterfaceName],
            "containers do not talk to each other here",
        ),
        set(INTERNAL, &[InterfaceName], "nothing gets in or out here"),
        set(
            MASQUERADE,
            &[InterfaceName],
            "what leaves takes the host's address",
        ),
        map(
            PUBLISH4,
            &[Ipv4, Protocol, Port],
            &[Ipv4, Port],
            "published on one address",
        ),
        map(
            PUBLISH6,
            &[Ipv6, Protocol, Port],
            &[Ipv6, Port],
            "published on one address",
        ),
        map(
            PUBLISH4_ANY,
            &[Protocol, Port],
            &[Ipv4, Port],
            "published on every address",
        ),
        map(
            PUBLISH6_ANY,
            &[Protocol, Port],
            &[Ipv6, Port],
            "published on every address",
        ),
    ]
}

fn guard() -> Chain {
    let drop = |field, comment| {
        let terms = [
            Term::Begins(field, LOOPBACK4),
            Term::In(&[Field::InputName], BRIDGES),
            Term::Drop,
        ];
        Rule::new(comment, terms)
    };
    Chain {
        name: "guard",
        hook: Some(Hook::Filter(Point::Prerouting, -300)),
        rules: vec![
            drop(
                Field::Destination4,
                "no container reaches the host's loopback",
            ),
            drop(Field::Source4, "no container speaks as the host's loopback"),
        ],
    }
}

fn prerouting() -> Chain {
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

fn output() -> Chain {
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

fn published() -> Chain {
    use Field::{Destination4, Destination6, DestinationPort, Protocol};
    let one4 = Term::TranslateBy(
        Kind::Ipv4,
        &[Destination4, Protocol, DestinationPort],
        PUBLISH4,
    );
    let one6 = Term::TranslateBy(
        Kind::Ipv6,
        &[Destination6, Protocol, DestinationPort],
        PUBLISH6,
    );
    let any4 = Term::TranslateBy(Kind::Ipv4, &[Protocol, DestinationPort], PUBLISH4_ANY);
    let any6 = Term::TranslateBy(Kind::Ipv6, &[Protocol, DestinationPort], PUBLISH6_ANY);
    Chain {
        name: "published",
        hook: None,
        rules: vec![
            Rule::new("a port of one IPv4 address", [one4]),
            Rule::new("a port of one IPv6 address", [one6]),
            Rule::new("a port of every IPv4 address", [any4]),
            Rule::new("a port of every IPv6 address", [any6]),
        ],
    }
}

fn forward() -> Chain {
    let from = |set| Term::In(&[Field::InputName], set);
    let to = |set| Term::In(&[Field::OutputName], set);
    Chain {
        name: "forward",
        hook: Some(Hook::Filter(Point::Forward, 0)),
        rules: vec![
            Rule::new(
                "answers to what was let through",
                [Term::Established, Term::Accept],
            ),
            Rule::new(
                "stays in its network",
                [same_bridge(), Term::Goto("within")],
            ),
            Rule::new("out of an internal network", [from(INTERNAL), Term::Drop]),
            Rule::new("into an internal network", [to(INTERNAL), Term::Drop]),
            Rule::new("to a published port", [Term::Translated, Term::Accept]),
            Rule::new("to a container by any other way", [to(BRIDGES), Term::Drop]),
        ],
    }
}

fn within() -> Chain {
    let isolated = [Term::In(&[Field::InputName], ISOLATED), Term::Drop];
    Chain {
        name: "within",
        hook: None,
        rules: vec![
            Rule::new(
                "to a sibling's published port",
                [Term::Translated, Term::Accept],
            ),
            Rule::new("between containers kept apart", isolated),
        ],
    }
}

fn postrouting() -> Chain {
    let own = [
        Term::FromNoInterface,
        Term::In(&[Field::OutputName], BRIDGES),
        Term::Translated,
        Term::Masquerade,
    ];
    let hairpin = [same_bridge(), Term::Translated, Term::Masquerade];
    let leaves = [Term::In(&[Field::InputName], MASQUERADE), Term::Masquerade];
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
                [same_bridge(), Term::Accept],
            ),
            Rule::new("out of a network that masquerades", leaves),
        ],
    }
}

fn same_bridge() -> Term {
    Term::In(&[Field::InputName, Field::OutputName], WITHIN)
}
