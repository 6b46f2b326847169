//! Published ports: asked for, claimed, and led to their container for as long as it lives.
//!
//! ```text
//! request   the bindings of a body, drawn together to ranges      allow   who may use them
//! claim     ranges taken here and held in the kernel, all or none taken   what containers have
//! grow      what one more network of a sandbox lets it publish
//! lead      the relay and old flows follow the sandbox's gateways
//! ```

mod allow;
mod claim;
mod grow;
mod lead;
mod request;
mod taken;

pub(super) use claim::{Claim, Families};
pub(super) use request::PortRequest;
pub use request::container_port;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rnet_kernel::HeldPorts;
use rnet_model::{HostPorts, PublishedPorts, SandboxId};
use rnet_relay::Relay;
use tokio::runtime::Handle;

use crate::error::Result;
use crate::project::Targets;
use taken::Taken;

/// The ports held for sandboxes, and the relay of those that the packet filter cannot translate.
pub(super) struct Ports {
    relay: Relay,
    taken: Arc<Mutex<Taken>>,
    of: Mutex<HashMap<SandboxId, Held>>,
}

/// The ports of one sandbox.
struct Held {
    ranges: Vec<Range>,
    /// Where they lead; none before they were led anywhere.
    targets: Option<Targets>,
}

/// A range of ports that is held: no other container, and no process of the host, has one of them.
struct Range {
    /// Its publications: one, or one a family.
    published: Vec<PublishedPorts>,
    /// None once they are let go.
    held: Option<HeldPorts>,
    taken: Arc<Mutex<Taken>>,
}

impl Ports {
    /// No ports yet; what is relayed is carried on `tasks`.
    pub(super) fn new(tasks: &Handle) -> Result<Self> {
        Ok(Self {
            relay: Relay::start(tasks)?,
            taken: Arc::default(),
            of: Mutex::default(),
        })
    }

    /// Holds a claim for as long as the sandbox publishes.
    pub(super) fn keep(&self, sandbox: SandboxId, claim: Claim) {
        if claim.ranges.is_empty() {
            return;
        }
        let held = Held {
            ranges: claim.ranges,
            targets: None,
        };
        self.of().insert(sandbox, held);
    }

    /// Lets go of a sandbox's ports.
    pub(super) fn release(&self, sandbox: SandboxId) {
        let held = self.of().remove(&sandbox);
        // an order to lead nowhere cannot fail
        let _ = self.relay.lead(sandbox, Vec::new());
        drop(held);
    }

    fn of(&self) -> MutexGuard<'_, HashMap<SandboxId, Held>> {
        self.of.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Range {
    fn host_ports(&self) -> Vec<HostPorts> {
        self.published.iter().map(PublishedPorts::host).collect()
    }
}

impl Drop for Range {
    fn drop(&mut self) {
        // first the sockets: whoever finds the ports free here can bind them
        self.held = None;
        lock(&self.taken).free(&self.host_ports());
    }
}

fn lock(taken: &Mutex<Taken>) -> MutexGuard<'_, Taken> {
    taken.lock().unwrap_or_else(PoisonError::into_inner)
}
