//! nftables over netlink: a table as plain data, printed in nft's words or sent to the kernel as one transaction.
//!
//! ```text
//! Table { sets, chains { rules { terms } } } ──┬─ Display ──▶ what `nft list table` prints
//!                                              └─ Batch ────▶ BATCH_BEGIN, messages, BATCH_END: all or nothing
//! ```
//! No process is spawned and nothing is ever read back: who changes a table remembers what is in it.

mod batch;
mod expression;
mod listing;
#[cfg(test)]
mod lonely;
mod message;
mod operation;
mod question;
mod resolver;
mod socket;
mod table;
mod term;
mod value;
mod watch;

pub(crate) use batch::Batch;
pub(crate) use listing::Listing;
pub(crate) use question::{chain_stands, generation};
pub(crate) use resolver::{redirect_resolver, unlead_resolver};
pub(crate) use socket::{open, stands};
pub(crate) use table::{Chain, Element, Elements, Family, Hook, Kind, Point, Rule, Set, Table};
pub(crate) use term::{Field, Icmp, Term};
pub(crate) use value::Value;
pub(crate) use watch::Listener;
