//! The hands of rnet: the only crate that talks to the kernel's network.
//!
//! It knows resources and a firewall policy; it does not know networks or endpoints.

mod contract;
mod error;

pub use contract::{Firewall, Host, Kernel, Owned, PortReservation, ResolverSockets, SocketKind};
pub use error::KernelError;
