//! Rules in iptables' words: plain data, one family at a time.

use std::collections::BTreeMap;
use std::fmt;

use rnet_model::{IfName, NetworkPolicy};

/// What the names of all of rnet's chains begin with.
pub(super) const OURS: &str = "RNET-";
/// The chain that is its user's: made once, and left alone ever after.
pub(super) const USER: &str = "RNET-USER";

/// An address family: each has tables and programs of its own.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Family {
    V4,
    V6,
}

/// A table, in the order they are written: what protects comes before what translates.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Table {
    Raw,
    Filter,
    Mangle,
    Nat,
}

/// A rule of rnet's in a chain of everybody's.
pub(super) struct Jump {
    pub(super) table: Table,
    pub(super) from: &'static str,
    /// What follows `-A FROM`.
    pub(super) rule: &'static str,
}

/// The rules of each of rnet's chains, the user's left out, as `iptables-save` writes what follows `-A CHAIN`.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Ruleset(pub(super) BTreeMap<(Table, String), Vec<String>>);

impl Family {
    /// Whether an address is of this family.
    pub(super) const fn has(self, address: std::net::IpAddr) -> bool {
        address.is_ipv4() == matches!(self, Self::V4)
    }

    /// What the names of its programs begin with.
    pub(super) const fn program(self) -> &'static str {
        match self {
            Self::V4 => "iptables",
            Self::V6 => "ip6tables",
        }
    }

    /// Its jumps, of which those of the same table stand together.
    pub(super) const fn jumps(self) -> &'static [Jump] {
        const fn jump(table: Table, from: &'static str, rule: &'static str) -> Jump {
            Jump { table, from, rule }
        }
        const FORWARD: Jump = jump(Table::Filter, "FORWARD", "-j RNET-FORWARD");
        const USER: Jump = jump(Table::Mangle, "PREROUTING", "-j RNET-USER");
        const LEAVE: Jump = jump(Table::Nat, "POSTROUTING", "-j RNET-POSTROUTING");
        const V4: &[Jump] = &[
            jump(Table::Raw, "PREROUTING", "-j RNET-GUARD"),
            FORWARD,
            USER,
            jump(
                Table::Nat,
                "PREROUTING",
                "! -d 127.0.0.0/8 -m addrtype --dst-type LOCAL -j RNET-PUBLISHED",
            ),
            jump(
                Table::Nat,
                "OUTPUT",
                "-m addrtype --dst-type LOCAL -j RNET-PUBLISHED",
            ),
            LEAVE,
        ];
        const V6: &[Jump] = &[
            FORWARD,
            USER,
            jump(
                Table::Nat,
                "PREROUTING",
                "-m addrtype --dst-type LOCAL -j RNET-PUBLISHED",
            ),
            jump(
                Table::Nat,
                "OUTPUT",
                "! -d ::1/128 -m addrtype --dst-type LOCAL -j RNET-PUBLISHED",
            ),
            LEAVE,
        ];
        match self {
            Self::V4 => V4,
            Self::V6 => V6,
        }
    }
}

impl Table {
    pub(super) const ALL: [Self; 4] = [Self::Raw, Self::Filter, Self::Mangle, Self::Nat];

    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Raw => "raw",
            Self::Filter => "filter",
            Self::Mangle => "mangle",
            Self::Nat => "nat",
        }
    }
}

impl Ruleset {
    /// The rules of a chain, which exists from now on.
    pub(super) fn chain(&mut self, table: Table, name: impl Into<String>) -> &mut Vec<String> {
        self.0.entry((table, name.into())).or_default()
    }

    /// Its chains in one table.
    pub(super) fn of_table(&self, table: Table) -> impl Iterator<Item = (&str, &[String])> {
        let chains = self.0.iter().filter(move |((its, _), _)| *its == table);
        chains.map(|((_, name), rules)| (name.as_str(), rules.as_slice()))
    }
}

/// All bridges of a network, the one with the host's addresses first.
pub(super) fn bridges(network: &NetworkPolicy) -> impl Iterator<Item = &IfName> {
    std::iter::once(&network.bridge).chain(&network.shards)
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
