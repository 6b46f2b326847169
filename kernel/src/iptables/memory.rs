//! What was written last, whether it is still what stands, and by whom it was written.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use rnet_model::FirewallPolicy;

use super::pulse::{Beat, Pulse};

/// How many writers are remembered: more than can have said anything that was not heard yet.
const WRITERS: usize = 64;

/// The processes that rnet wrote by, the latest last.
#[derive(Default)]
pub(super) struct Writers(Mutex<VecDeque<u32>>);

impl Writers {
    /// Takes note of one, before it writes.
    pub(super) fn add(&self, process: u32) {
        let mut writers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if writers.len() == WRITERS {
            writers.pop_front();
        }
        writers.push_back(process);
    }

    /// Whether it is one of them.
    pub(super) fn know(&self, process: u32) -> bool {
        let writers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        writers.contains(&process)
    }
}

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
