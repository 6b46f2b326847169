//! The chains that let packets through or not.

use super::{
    BRIDGES, INTERNAL, ISOLATED, LOOPBACK4, OPENED_RANGES4, OPENED_RANGES6, OPENED4, OPENED6,
    ROUTED, SOCKET4, SOCKET6, TRUSTED, UNPROTECTED, for_clients_only, same_network,
};
use crate::nft::{Chain, Field, Hook, Icmp, Point, Rule, Term};

pub(super) fn guard() -> Chain {
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

pub(super) fn forward() -> Chain {
    let from = |set| Term::In(&[Field::InputName], set);
    let to = |set| Term::In(&[Field::OutputName], set);
    let to_family = |set| Term::In(&[Field::Family, Field::OutputName], set);
    let trusted = Term::In(&[Field::InputName, Field::OutputName], TRUSTED);
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
                [same_network(), Term::Goto("within")],
            ),
            Rule::new("out of an internal network", [from(INTERNAL), Term::Drop]),
            Rule::new("into an internal network", [to(INTERNAL), Term::Drop]),
            Rule::new("to a published port", [Term::Translated, Term::Accept]),
            Rule::new(
                "to a network that protects nothing",
                [to_family(UNPROTECTED), Term::Accept],
            ),
            Rule::new(
                "to a network that is routed to",
                [to_family(ROUTED), Term::Jump("routed")],
            ),
            Rule::new("by a trusted interface", [trusted, Term::Jump("opened")]),
            Rule::new("to a container by any other way", [to(BRIDGES), Term::Drop]),
        ],
    }
}

pub(super) fn within() -> Chain {
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

pub(super) fn routed() -> Chain {
    let icmp = |of, comment| Rule::new(comment, [Term::OfProtocol(of), Term::Accept]);
    Chain {
        name: "routed",
        hook: None,
        rules: vec![
            icmp(Icmp::V4, "questions and errors of IPv4"),
            icmp(Icmp::V6, "questions and errors of IPv6"),
            Rule::new("opened ports", [Term::Goto("opened")]),
        ],
    }
}

pub(super) fn opened() -> Chain {
    let accept = |socket, set, comment| Rule::new(comment, [Term::In(socket, set), Term::Accept]);
    let mut rules = Vec::from(for_clients_only());
    rules.extend([
        accept(SOCKET4, OPENED4, "an opened port of an IPv4 address"),
        accept(SOCKET6, OPENED6, "an opened port of an IPv6 address"),
        accept(SOCKET4, OPENED_RANGES4, "one of a range of an IPv4 address"),
        accept(SOCKET6, OPENED_RANGES6, "one of a range of an IPv6 address"),
    ]);
    Chain {
        name: "opened",
        hook: None,
        rules,
    }
}
