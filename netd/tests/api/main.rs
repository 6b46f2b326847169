//! The API over a fake machine: paths, statuses, messages, and that a refused request changes nothing.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod containers;
mod firewall;
mod general;
mod host;
mod liar;
mod networks;
mod openapi;
mod plugin;
mod remote;
mod sandboxes;
mod serving;
mod templates;
