//! Removing what a daemon with another backend left, and finding out cheaply that there is nothing.

use std::fs;
use std::sync::Arc;

use netlink_sys::Socket;

use super::batch;
use super::programs::{Kind, Programs};
use super::ruleset::{Family, Table};
use crate::{KernelError, nft};

/// Removes rnet's chains from iptables of every kind but `kept`, in the calling thread's network namespace.
///
/// No process is spawned where the kernel says that there cannot be any. The user's chain stays in force where it has
/// rules: they are not rnet's, and the packets they are about pass there all the same.
pub(crate) fn sweep(nf_tables: &Socket, kept: Option<Kind>) -> Result<(), KernelError> {
    for kind in [Kind::Nft, Kind::Legacy] {
        for family in [Family::V4, Family::V6] {
            let tables = match kind {
                _ if Some(kind) == kept => continue,
                Kind::Nft => nft_tables(nf_tables, family),
                Kind::Legacy => legacy_tables(family),
            };
            if tables.is_empty() {
                continue;
            }
            let programs = Programs::find(family, kind.into(), &Arc::default())?;
            programs.restore(&batch::nothing(&programs.standing(&tables)?))?;
        }
    }
    Ok(())
}

/// Every table, if chains that always are in one of them exist there.
fn nft_tables(nf_tables: &Socket, family: Family) -> Vec<Table> {
    let number = match family {
        Family::V4 => libc::AF_INET,
        Family::V6 => libc::AF_INET6,
    };
    let known = [("filter", "RNET-FORWARD"), ("nat", "RNET-PUBLISHED")];
    let stands = |(table, chain)| nft::chain_stands(nf_tables, number as u8, table, chain);
    if known.into_iter().any(|it| stands(it).unwrap_or(false)) {
        Table::ALL.to_vec()
    } else {
        Vec::new()
    }
}

/// The tables that ip_tables has: to ask for others would make them.
fn legacy_tables(family: Family) -> Vec<Table> {
    let name = match family {
        Family::V4 => "ip_tables_names",
        Family::V6 => "ip6_tables_names",
    };
    // a kernel without ip_tables has no such file
    let names = fs::read_to_string(format!("/proc/thread-self/net/{name}")).unwrap_or_default();
    let tables = Table::ALL.into_iter();
    tables
        .filter(|table| names.lines().any(|name| name == table.as_str()))
        .collect()
}
