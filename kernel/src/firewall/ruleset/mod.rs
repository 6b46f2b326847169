//! The table `inet rnet`: a constant number of rules, and sets for all that changes.
//!
//! docs/firewall.md shows it filled, with a sentence for each rule and the reasons for their order.

mod filter;
mod nat;
mod sets;

use crate::nft::{Family, Field, Rule, Table, Term};

pub(super) use sets::*;

pub(super) const FAMILY: Family = Family::Inet;
pub(super) const NAME: &str = "rnet";

const LOOPBACK4: &[u8] = &[127];
const LOOPBACK6: &[u8] = &[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];

/// An address the packet is for, with its protocol and port.
const SOCKET4: &[Field] = &[Field::Destination4, Field::Protocol, Field::DestinationPort];
const SOCKET6: &[Field] = &[Field::Destination6, Field::Protocol, Field::DestinationPort];

/// The table without elements.
pub(super) fn table() -> Table {
    Table {
        family: FAMILY,
        name: NAME,
        sets: sets::all(),
        chains: vec![
            filter::guard(),
            nat::prerouting(),
            nat::output(),
            nat::published(),
            filter::forward(),
            filter::within(),
            filter::routed(),
            filter::opened(),
            nat::postrouting(),
        ],
    }
}

/// Who is not among the clients of a port that has a list of them finds nothing in the chain these rules begin.
fn for_clients_only() -> [Rule; 2] {
    const CLIENT4: &[Field] = &[
        Field::Source4,
        Field::Destination4,
        Field::Protocol,
        Field::DestinationPort,
    ];
    const CLIENT6: &[Field] = &[
        Field::Source6,
        Field::Destination6,
        Field::Protocol,
        Field::DestinationPort,
    ];
    let rule = |socket, restricted, client, clients| {
        let terms = [
            Term::In(socket, restricted),
            Term::NotIn(client, clients),
            Term::Return,
        ];
        Rule::new("not for this client", terms)
    };
    [
        rule(SOCKET4, RESTRICTED4, CLIENT4, CLIENTS4),
        rule(SOCKET6, RESTRICTED6, CLIENT6, CLIENTS6),
    ]
}

fn same_network() -> Term {
    Term::In(&[Field::InputName, Field::OutputName], WITHIN)
}
