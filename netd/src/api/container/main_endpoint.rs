//! The endpoint that the words of a container's host configuration are about.

use std::collections::HashMap;

use bollard_stubs::models::{EndpointSettings, HostConfig, NetworkingConfig};

/// The endpoint on the network that the network mode names.
pub(super) fn main_endpoint<'a>(
    host: &HostConfig,
    config: &'a mut Option<NetworkingConfig>,
) -> &'a mut EndpointSettings {
    let mode = host.network_mode.clone().filter(|mode| !mode.is_empty());
    let endpoints: &mut HashMap<_, _> = config
        .get_or_insert_default()
        .endpoints_config
        .get_or_insert_default();
    endpoints
        .entry(mode.unwrap_or_else(|| "default".to_owned()))
        .or_default()
}
