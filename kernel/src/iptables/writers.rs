//! By whom rnet wrote its rules, so that what others do is told apart.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

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
