//! Which networks a new container is attached to.

use std::collections::{BTreeMap, HashMap};

use bollard_stubs::models::{self, HostConfig};
use rnet_model::{EndpointSettings, Network, NetworkId};

use super::endpoint_settings;
use crate::container::NetworkMode;
use crate::daemon::container::connect::{may_be_joined, may_have};
use crate::daemon::lookup;
use crate::error::{Error, Result};
use crate::state::State;

/// Whether the container lives in the host's network namespace.
pub(in crate::daemon::container) fn is_host(host: &HostConfig) -> bool {
    host.network_mode.as_deref() == Some("host")
}

/// Finds the networks of a new container: those it names endpoints on, or else its network mode's.
///
/// The mode is brought to its usual spelling (`default`, as clients say, is `bridge`).
pub(super) fn resolve(
    state: &State,
    host: &mut HostConfig,
    asked: HashMap<String, models::EndpointSettings>,
) -> Result<(NetworkMode, BTreeMap<NetworkId, Box<EndpointSettings>>)> {
    let mode = usual(state, host.network_mode.as_deref().unwrap_or_default()).to_owned();
    if mode.starts_with("container:") {
        alone(&mode, asked)?;
        host.network_mode = Some(mode);
        return Ok((NetworkMode::Container, BTreeMap::new()));
    }
    let main = network(state, &mode)?;
    let mut networks = BTreeMap::new();
    may_be_joined(main)?;
    for (name, settings) in asked {
        let network = network(state, usual(state, &name))?;
        let settings = endpoint_settings(settings)
            .and_then(|settings| may_have(network, &settings).map(|()| settings))
            .map_err(|error| {
                Error::Invalid(format!("invalid config for network {name}: {error}"))
            })?;
        may_join(main, network)?;
        if networks.insert(network.id, Box::new(settings)).is_some() {
            return Err(Error::invalid(format!(
                "network {} is named twice",
                network.name
            )));
        }
    }
    host.network_mode = Some(mode);
    match main.name.as_str() {
        "host" => return Ok((NetworkMode::Host, BTreeMap::new())),
        "none" => return Ok((NetworkMode::None, BTreeMap::new())),
        // endpoints elsewhere replace the default, but are added to what was asked for
        "bridge" if !networks.is_empty() => {}
        _ => {
            networks.entry(main.id).or_default();
        }
    }
    Ok((NetworkMode::Attached, networks))
}

/// The network of that name; that there is none is the request's fault, for clients take "not found" for the image.
fn network<'a>(state: &'a State, name: &str) -> Result<&'a Network> {
    lookup::network(state, name).map_err(|error| Error::Invalid(error.to_string()))
}

/// `default` is what clients call the network of a container that names none: `none` where there is no `bridge`.
fn usual<'a>(state: &State, name: &'a str) -> &'a str {
    if !matches!(name, "" | "default") {
        return name;
    }
    match lookup::network(state, "bridge") {
        Ok(_) => "bridge",
        Err(_) => "none",
    }
}

/// Refuses endpoints of a container whose network is another's.
fn alone(mode: &str, asked: HashMap<String, models::EndpointSettings>) -> Result<()> {
    for (name, settings) in asked {
        if settings
            .mac_address
            .as_ref()
            .is_some_and(|mac| !mac.is_empty())
        {
            return Err(Error::invalid(
                "conflicting options: mac-address and the network mode",
            ));
        }
        let settings = models::EndpointSettings {
            mac_address: None,
            ..settings
        };
        if name != mode || settings != models::EndpointSettings::default() {
            return Err(Error::invalid(format!(
                "conflicting options: a container of network mode {mode} cannot be attached to network {name}"
            )));
        }
    }
    Ok(())
}

fn may_join(main: &Network, network: &Network) -> Result<()> {
    let alone = |network: &Network| matches!(network.name.as_str(), "host" | "none");
    if main.id == network.id || !(alone(main) || alone(network)) {
        return Ok(());
    }
    Err(Error::invalid(format!(
        "conflicting options: a container of network mode {} cannot be attached to network {}",
        main.name, network.name
    )))
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::state::Change;

    fn state() -> State {
        let mut state = State::default();
        for (seed, name) in ["bridge", "host", "none", "front", "back"]
            .into_iter()
            .enumerate()
        {
            state.apply(Change::PutNetwork(Network {
                id: NetworkId::from_bytes([seed as u8; 32]),
                name: name.to_owned(),
                created: Timestamp::UNIX_EPOCH,
                driver: "bridge".to_owned(),
                subnets: vec![],
                enable_ipv4: true,
                enable_ipv6: false,
                internal: false,
                attachable: false,
                config_only: false,
                config_from: None,
                options: BTreeMap::new(),
                ipam_driver: None,
                unsettled: false,
                ipam_options: BTreeMap::new(),
                labels: BTreeMap::new(),
                resources: vec![],
            }));
        }
        state
    }

    /// The mode and the networks' names of a container created so.
    fn resolved(mode: &str, endpoints: &str) -> Result<(NetworkMode, Vec<String>), String> {
        let state = state();
        let mut host = HostConfig {
            network_mode: Some(mode.to_owned()),
            ..Default::default()
        };
        let endpoints = serde_json::from_str(endpoints).unwrap();
        let (mode, networks) =
            resolve(&state, &mut host, endpoints).map_err(|error| error.to_string())?;
        let names = networks
            .keys()
            .map(|id| state.network(*id).unwrap().name.clone())
            .collect();
        Ok((mode, names))
    }

    #[test]
    fn the_mode_and_the_endpoints_name_the_networks() {
        let attached = |names: &[&str]| {
            Ok((
                NetworkMode::Attached,
                names.iter().map(ToString::to_string).collect::<Vec<_>>(),
            ))
        };
        assert_eq!(resolved("", "{}"), attached(&["bridge"]));
        assert_eq!(
            resolved("default", r#"{"default":{}}"#),
            attached(&["bridge"])
        );
        assert_eq!(resolved("default", r#"{"front":{}}"#), attached(&["front"]));
        assert_eq!(resolved("front", "{}"), attached(&["front"]));
        assert_eq!(
            resolved("front", r#"{"back":{}}"#),
            attached(&["front", "back"])
        );
        assert_eq!(
            resolved("host", r#"{"host":{}}"#),
            Ok((NetworkMode::Host, vec![]))
        );
        assert_eq!(resolved("none", "{}"), Ok((NetworkMode::None, vec![])));
        assert_eq!(
            resolved("container:x", r#"{"container:x":{}}"#),
            Ok((NetworkMode::Container, vec![]))
        );
    }

    #[test]
    fn what_no_network_allows_is_refused() {
        for (mode, endpoints) in [
            ("nope", "{}"),
            ("front", r#"{"nope":{}}"#),
            ("container:x", r#"{"front":{}}"#),
            (
                "container:x",
                r#"{"container:x":{"MacAddress":"02:42:ac:11:00:02"}}"#,
            ),
            ("host", r#"{"front":{}}"#),
            ("front", r#"{"none":{}}"#),
            ("default", r#"{"default":{"Aliases":["a"]}}"#),
            (
                "default",
                r#"{"default":{"IPAMConfig":{"IPv4Address":"172.17.0.9"}}}"#,
            ),
        ] {
            assert!(resolved(mode, endpoints).is_err(), "{mode} {endpoints}");
        }
    }
}
