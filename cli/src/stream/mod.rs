//! Conversations that last: attached containers, commands in them, logs, signals, terminals.

pub(crate) mod frames;
pub(crate) mod session;
pub(crate) mod signals;
pub(crate) mod terminal;
