//! The daemon's records as clients see them.

pub(super) mod container;
pub(super) mod endpoint;
pub(super) mod network;
pub(super) mod ports;
pub(super) mod sandbox;
pub(super) mod stats;
pub(super) mod summary;

/// The moment that stands for "never".
const NEVER: &str = "0001-01-01T00:00:00Z";
