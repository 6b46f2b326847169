//! Those who attach endpoints: each in a world of its own, with a bridge of its own.

mod cni;
mod door;
mod floor;
mod netavark;
mod rnet;

use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use anyhow::Result;
use rnet_model::SandboxId;

pub(crate) use cni::Cni;
pub(crate) use door::Door;
pub(crate) use floor::Floor;
pub(crate) use netavark::Netavark;
pub(crate) use rnet::Rnet;

/// The subnet of every contestant's network.
pub(crate) const SUBNET: &str = "172.25.0.0/16";

/// Its first address, the bridge's.
pub(crate) const GATEWAY: Ipv4Addr = Ipv4Addr::new(172, 25, 0, 1);

/// Somebody who attaches endpoints to one network.
pub(crate) trait Contestant: Sync {
    /// Who it is, and how it is asked.
    fn name(&self) -> String;

    /// Makes and pins a network namespace, and attaches it to the network, with this many published ports.
    fn attach(&self, number: u16, ports: u16) -> Result<()>;

    /// Takes back what attaching made.
    fn detach(&self, number: u16) -> Result<()>;

    /// How many links there are in its world, and namespaces pinned.
    fn objects(&self) -> Result<usize>;
}

/// An address for those who do not choose one themselves.
pub(crate) fn address(number: u16) -> Ipv4Addr {
    Ipv4Addr::from_bits(GATEWAY.to_bits() + 0x100 + u32::from(number))
}

/// The first port of the host that leads to port 80 of an endpoint.
pub(crate) fn host_port(number: u16) -> u16 {
    10_000 + number
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Where rnet's hands pin namespaces.
fn pins(run_dir: &Path) -> PathBuf {
    let any = rnet_kernel::pin_path(run_dir, SandboxId::from_bytes([0; 32]));
    any.parent().map_or(any.clone(), Path::to_owned)
}
