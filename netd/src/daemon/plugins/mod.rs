//! Plugins of others, as the daemon uses them.
//!
//! ```text
//! network    a network is made: pools asked for, the driver told, each step recorded
//! addresses  what a plugin that gives addresses is asked for
//! consult    an endpoint is attached: reserve -> consult -> protect -> build -> confirm
//! outside    an endpoint is its sandbox's way out, or is no more
//! owed       what a plugin could not be told when it was to be: kept, and told later
//! ```
//! What a plugin is told is a resource like any other ([`rnet_model::Told`]): recorded before it is told, and removed by
//! telling the reverse. So there is no way out but the one of everything else. What cannot be recorded before is what
//! only the answer says: the name of a pool, and an address.

mod addresses;
mod consult;
mod network;
mod outside;
mod owed;

pub(super) use owed::{Debtor, Owing, Removed};

use rnet_drivers::driver;
use rnet_model::{Endpoint, Network, Object, Phase, Resource, Step, Told};

/// The IPAM driver that gives nothing: addresses are the network driver's to give (libnetwork, `ipams/null`).
pub(super) const NO_IPAM: &str = "null";

/// Whether plugins have a say in a network.
pub(super) fn has_plugin(network: &Network) -> bool {
    is_remote(network) || network.ipam_driver.is_some()
}

/// Whether a plugin is its driver.
pub(super) fn is_remote(network: &Network) -> bool {
    driver(&network.driver).is_none() && !network.config_only
}

/// The plugin that gives its addresses.
pub(super) fn ipam(network: &Network) -> Option<&str> {
    network.ipam_driver.as_deref().filter(|it| *it != NO_IPAM)
}

/// Whether nothing is left of an endpoint but what plugins have yet to be told.
pub(super) fn is_owed(endpoint: &Endpoint) -> bool {
    endpoint.phase == Phase::Detaching && endpoint.resources.iter().all(|it| told(it).is_some())
}

/// What a plugin was told by a resource.
pub(super) fn told(resource: &Resource) -> Option<&Told> {
    match &resource.object {
        Object::Told(told) => Some(told),
        _ => None,
    }
}

fn telling(plugin: &str, step: Step) -> Resource {
    Resource::host(Object::Told(Told {
        plugin: plugin.to_owned(),
        step,
    }))
}
