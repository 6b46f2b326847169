//! The reverse of what a plugin was told: the one way out of all that plugins keep for rnet.

use rnet_model::{Step, Told};
use serde_json::{Value, json};

use super::network::tolerated;
use super::wire::about;
use super::{Kind, Plugins, Result};

impl Plugins {
    /// Tells a plugin the reverse of what it was told, or may have been told.
    ///
    /// **Contract:** idempotent, as far as the plugin is. It was told if it answered at all
    /// ([`super::PluginError::is_answer`]): one that refuses will refuse again.
    pub(crate) fn untell(&self, told: &Told) -> Result<()> {
        let (kind, method, body) = match &told.step {
            Step::Pool { id, .. } => (Kind::Ipam, "ReleasePool", json!({"PoolID": id})),
            Step::Address { pool, address } => {
                let body = json!({"PoolID": pool, "Address": address});
                (Kind::Ipam, "ReleaseAddress", body)
            }
            Step::Network(network) => {
                let body = Value::Object(about(network, None::<&str>));
                (Kind::Network, "DeleteNetwork", body)
            }
            Step::Endpoint(network, endpoint) => {
                let body = Value::Object(about(network, Some(endpoint)));
                (Kind::Network, "DeleteEndpoint", body)
            }
            Step::Joined(network, endpoint) => {
                let body = Value::Object(about(network, Some(endpoint)));
                (Kind::Network, "Leave", body)
            }
            Step::Outside(network, endpoint) => {
                let body = Value::Object(about(network, Some(endpoint)));
                (Kind::Network, "RevokeExternalConnectivity", body)
            }
        };
        tolerated(self.told(&told.plugin, kind, method, &body))
    }
}
