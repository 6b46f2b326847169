//! What the resolvers of all sandboxes have in common.

use std::sync::{Arc, RwLock};

use crate::flight::Flights;
use crate::permit::Permits;
use crate::{Directory, Sockets};

/// How many queries of all sandboxes are being forwarded at once: each takes a socket or two and some kilobytes.
const MAX_FORWARDED: usize = 8_192;
/// How many connections all sandboxes may hold open, lest `netd` has no file descriptors left.
const MAX_CONNECTIONS: usize = 4_096;

/// The names, the way to servers with all that is known and under way, and how much of that there may be.
pub(crate) struct Shared {
    pub(crate) sockets: Arc<dyn Sockets>,
    pub(crate) directory: RwLock<Directory>,
    pub(crate) flights: Arc<Flights>,
    pub(crate) queries: Arc<Permits>,
    pub(crate) connections: Arc<Permits>,
}

impl Shared {
    /// Knows no names yet, and asks servers through `sockets`.
    pub(crate) fn new(sockets: Arc<dyn Sockets>) -> Self {
        Self {
            sockets,
            directory: RwLock::default(),
            flights: Arc::default(),
            queries: Permits::new(MAX_FORWARDED),
            connections: Permits::new(MAX_CONNECTIONS),
        }
    }
}
