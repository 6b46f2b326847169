//! What was written last, and whether it is still what stands.

use std::sync::{Mutex, MutexGuard, PoisonError};

use rnet_model::FirewallPolicy;

use super::pulse::{Beat, Pulse};

/// What is known of the tables.
pub(super) struct Memory {
    pulse: Option<Pulse>,
    /// None until all was written.
    applied: Mutex<Option<Applied>>,
}

/// What was written last.
pub(super) struct Applied {
    pub(super) policy: FirewallPolicy,
    /// How the tables were left; none where that cannot be felt.
    pub(super) beat: Option<Beat>,
}

impl Memory {
    /// Nothing yet.
    pub(super) const fn new(pulse: Option<Pulse>) -> Self {
        Self {
            pulse,
            applied: Mutex::new(None),
        }
    }

    /// What was written last; held while something is being written.
    pub(super) fn applied(&self) -> MutexGuard<'_, Option<Applied>> {
        // it is taken out before, and put back after the kernel changed: a panic leaves none
        self.applied.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How the tables are now.
    pub(super) fn feel(&self) -> Option<Beat> {
        self.pulse.as_ref().and_then(Pulse::feel)
    }
}
