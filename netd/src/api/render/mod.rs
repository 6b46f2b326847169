//! The daemon's records as clients see them.

pub(super) mod container;
pub(super) mod endpoint;
pub(super) mod network;
pub(super) mod ports;
pub(super) mod summary;
