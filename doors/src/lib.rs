//! How other runtimes come in, each by its own convention: thin doors that ask `netd` for what its API gives anyone.

pub mod cni;
pub mod netavark;

mod netd;
mod resolv_conf;
mod sandboxes;
