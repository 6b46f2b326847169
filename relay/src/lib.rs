//! The relay: carries to published ports what the packet filter cannot translate.
//!
//! Packets for published ports are translated before they reach any socket. Left are a client of ::1, for the kernel
//! routes nothing from there elsewhere, and an IPv6 client of a container that has IPv4 only. Both reach the IPv6 sockets
//! that hold the ports, so these are what the relay listens on, and everything that reaches them is its business.
//!
//! ```text
//! sockets of all published ports ──> one epoll ──> one thread ──> a task for each connection or exchange
//! ```
//!
//! A port costs nothing but its socket; nobody's turn takes longer because many ports are published.

mod datagram;
mod door;
mod relay;
mod stream;

pub use door::Passage;
pub use relay::{Relay, RelayError};
