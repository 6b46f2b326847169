//! The firewall: a policy becomes the nftables table `inet rnet`.
//!
//! The rules never change. What does change (bridges and their kinds, published and opened ports) are elements of sets
//! and maps that rules look up, so that neither a packet nor a change gets dearer with the number of ports, containers
//! or networks.

mod change;
mod content;
mod interval;
mod ruleset;
mod user;

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::{Mutex, PoisonError};

use netlink_sys::Socket;
use rnet_model::FirewallPolicy;

use crate::iptables;
use crate::nft::{self, Batch, Listener, Listing};
use crate::{Firewall, KernelError, Watch};
use change::Change;

/// The firewall of one network namespace, by nftables.
///
/// **Contract:** remembers what it applied, so that only the difference is sent; a second writer of the table
/// `inet rnet` is not expected. That the whole table was deleted, or its elements changed under a change of ours, is
/// noticed and repaired by writing all of it again.
#[derive(Debug)]
pub struct Nftables {
    socket: Socket,
    /// None until the whole table was written.
    applied: Mutex<Option<FirewallPolicy>>,
}

impl Nftables {
    /// The firewall of the network namespace the calling thread is in, now and later.
    pub fn open() -> Result<Self, KernelError> {
        Ok(Self {
            socket: nft::open()?,
            applied: Mutex::new(None),
        })
    }

    /// The table a policy becomes, in nft's words: what `nft list table inet rnet` would show, and `nft -f` would load.
    pub fn render(policy: &FirewallPolicy) -> Result<String, KernelError> {
        let change = Change::between(&FirewallPolicy::default(), policy)?;
        let listing = Listing {
            table: &ruleset::table(),
            elements: &change.added,
        };
        Ok(listing.to_string())
    }

    /// Writes the whole table, whatever was there; connections that live go on.
    fn replace(&self, policy: &FirewallPolicy) -> Result<(), KernelError> {
        user::ensure(&self.socket)?;
        let change = Change::between(&FirewallPolicy::default(), policy)?;
        let mut batch = Batch::new(ruleset::FAMILY, ruleset::NAME);
        batch.replace(&ruleset::table());
        batch.add(&change.added);
        batch.commit(&self.socket)
    }

    /// Sends what changed.
    fn update(&self, change: &Change) -> Result<(), KernelError> {
        let mut batch = Batch::new(ruleset::FAMILY, ruleset::NAME);
        batch.delete(&change.deleted);
        batch.add(&change.added);
        batch.commit(&self.socket)
    }
}

impl Firewall for Nftables {
    fn apply(&self, policy: &FirewallPolicy) -> Result<(), KernelError> {
        // what is remembered changes in one step after the kernel did, so a panic cannot leave it wrong
        let mut applied = self.applied.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(before) = applied.as_mut() {
            let change = Change::between(before, policy)?;
            if change.is_empty() {
                if nft::stands(&self.socket, ruleset::FAMILY, ruleset::NAME)? {
                    return Ok(());
                }
            } else {
                match self.update(&change) {
                    Err(error) if someone_else_wrote(&error) => {}
                    outcome => {
                        outcome?;
                        *before = policy.clone();
                        return Ok(());
                    }
                }
            }
        }
        self.replace(policy)?;
        *applied = Some(policy.clone());
        Ok(())
    }

    fn restore(&self, policy: &FirewallPolicy) -> Result<(), KernelError> {
        let mut applied = self.applied.lock().unwrap_or_else(PoisonError::into_inner);
        *applied = None;
        self.replace(policy)?;
        *applied = Some(policy.clone());
        Ok(())
    }

    fn remove(&self) -> Result<(), KernelError> {
        let mut applied = self.applied.lock().unwrap_or_else(PoisonError::into_inner);
        let mut batch = Batch::new(ruleset::FAMILY, ruleset::NAME);
        batch.delete_table();
        batch.commit(&self.socket)?;
        *applied = None;
        user::remove_empty(&self.socket)
    }

    fn watch(&self) -> Result<Option<Box<dyn Watch>>, KernelError> {
        let listener = Listener::new(ruleset::FAMILY, ruleset::NAME, &self.socket);
        let listener = listener.map_err(|source| KernelError::WatchNetfilter { source })?;
        Ok(Some(Box::new(Watched(listener))))
    }

    fn supersede(&self) -> Result<(), KernelError> {
        iptables::sweep(&self.socket, None)
    }

    fn name(&self) -> &'static str {
        "nftables"
    }
}

/// What others do to rnet's table.
struct Watched(Listener);

impl AsFd for Watched {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

impl Watch for Watched {
    fn changed(&mut self) -> Result<bool, KernelError> {
        let heard = self.0.heard();
        heard.map_err(|source| KernelError::WatchNetfilter { source })
    }
}

/// Whether the table was found other than it was left.
fn someone_else_wrote(error: &KernelError) -> bool {
    let KernelError::Nftables { source, .. } = error else {
        return false;
    };
    matches!(
        source.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::AlreadyExists
    )
}
