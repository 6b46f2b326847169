//! The API over a fake machine: paths, statuses, messages, and that a refused request changes nothing.

mod containers;
mod general;
mod host;
mod networks;
mod serving;
