//! What the reference plugins do, done by rnet: configurations that name them work as they are (CNI plugins 1.9.1).
//!
//! ```text
//! bridge     makes the network and attaches     portmap    publishes, by netd    firewall  the policy stands already
//! tuning     in the container                   bandwidth  limits, by netd       dnsname   names, by netd
//! loopback   in the container                   host-local leases, for plugins that are not rnet's
//! ```
//! A key that is not known is refused, and so is one that asks for what rnet does not do.

mod bandwidth;
pub(super) mod bridge;
mod dnsname;
mod firewall;
mod host_local;
mod ipam;
mod leases;
mod loopback;
mod portmap;
mod tuning;

pub(super) use bandwidth::Bandwidth;
pub(super) use dnsname::Dnsname;
pub(super) use firewall::Firewall;
pub(super) use host_local::HostLocal;
pub(super) use ipam::subnet_of;
pub(super) use loopback::Loopback;
pub(super) use portmap::Portmap;
pub(super) use tuning::Tuning;

use super::error::{CniError, Code};

/// A key whose value asks for what is not done here.
fn unsupported(key: &str, instead: &str) -> CniError {
    CniError::new(
        Code::UnsupportedField,
        format!("{key:?} is not supported by rnet: {instead}"),
    )
}
