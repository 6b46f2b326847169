//! The null driver: containers with a loopback and nothing else.

use crate::Driver;

/// Answers for the network that leads nowhere.
pub(crate) struct Null;

impl Driver for Null {
    fn name(&self) -> &'static str {
        "null"
    }

    fn is_singleton(&self) -> bool {
        true
    }
}
