//! The table `inet rnet_user`: two chains that are the user's alone.
//!
//! It is made where it is absent, so that there is a place for rules. What a user has put there is never read, changed or
//! removed; only an empty table goes when rnet's goes.

use std::io;

use netlink_sys::Socket;

use super::ruleset::FAMILY;
use crate::KernelError;
use crate::nft::{self, Batch, Chain, Hook, Point, Table};

const NAME: &str = "rnet_user";

/// Makes the table exist.
pub(super) fn ensure(socket: &Socket) -> Result<(), KernelError> {
    if nft::stands(socket, FAMILY, NAME)? {
        return Ok(());
    }
    let mut batch = Batch::new(FAMILY, NAME);
    batch.create(&table());
    match batch.commit(socket) {
        // somebody made it meanwhile
        Err(KernelError::Nftables { source, .. })
            if source.kind() == io::ErrorKind::AlreadyExists =>
        {
            Ok(())
        }
        outcome => outcome,
    }
}

/// Makes the table not exist, unless there is anything of a user's in it: the kernel looks and deletes in one step.
pub(super) fn remove_empty(socket: &Socket) -> Result<(), KernelError> {
    let mut batch = Batch::new(FAMILY, NAME);
    batch.delete_empty(&table());
    match batch.commit(socket) {
        Err(KernelError::Nftables { source, .. }) if is_in_use_or_absent(&source) => Ok(()),
        outcome => outcome,
    }
}

fn is_in_use_or_absent(error: &io::Error) -> bool {
    let harmless = [libc::EBUSY, libc::ENOENT];
    error
        .raw_os_error()
        .is_some_and(|code| harmless.contains(&code))
}

/// Each chain comes just before those that translate or let through, of rnet and of others at the usual places.
fn table() -> Table {
    let chain = |name, point, priority| Chain {
        name,
        hook: Some(Hook::Filter(point, priority)),
        rules: vec![],
    };
    Table {
        family: FAMILY,
        name: NAME,
        sets: vec![],
        chains: vec![
            chain("prerouting", Point::Prerouting, -110),
            chain("forward", Point::Forward, -10),
        ],
    }
}
