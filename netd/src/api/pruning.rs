//! One prune of a kind at a time: another meanwhile is refused, as by Docker (moby, daemon/prune.go).

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::error::{Error, Result};

/// Whether a prune of each kind runs.
#[derive(Default)]
pub(super) struct Pruning {
    pub(super) containers: Turn,
    pub(super) images: Turn,
    pub(super) networks: Turn,
    pub(super) volumes: Turn,
}

/// What one prune has at a time.
#[derive(Clone, Default)]
pub(super) struct Turn(Arc<AtomicBool>);

/// The turn that somebody has; it ends when this is dropped.
#[derive(Debug)]
pub(super) struct Taken(Arc<AtomicBool>);

impl Turn {
    /// Takes the turn; 409 while somebody else has it.
    pub(super) fn take(&self) -> Result<Taken> {
        match self.0.swap(true, Ordering::AcqRel) {
            true => Err(Error::Conflict(
                "a prune operation is already running".to_owned(),
            )),
            false => Ok(Taken(Arc::clone(&self.0))),
        }
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Class;

    #[test]
    fn a_turn_is_taken_by_one_until_it_is_over() {
        let turn = Turn::default();
        let taken = turn.take().unwrap();
        let refusal = turn.take().unwrap_err();
        assert_eq!(refusal.class(), Class::Conflict);
        assert_eq!(refusal.to_string(), "a prune operation is already running");
        drop(taken);
        turn.take().unwrap();
    }
}
