//! Removing the networks nobody uses.

use std::collections::BTreeSet;

use axum::Json;
use axum::extract::State;
use bollard_stubs::models::NetworkPruneResponse;
use jiff::Timestamp;
use rnet_model::Network;

use crate::api::filter::Filters;
use crate::api::query::Params;
use crate::api::time::moment;
use crate::api::{Answer, Api};
use crate::daemon::Daemon;
use crate::error::chain;

const FILTERS: &[&str] = &["label", "label!", "until"];

pub(super) async fn prune(
    State(api): State<Api>,
    params: Params,
) -> Answer<Json<NetworkPruneResponse>> {
    let filters = params.filters(FILTERS)?;
    let until = filters
        .values("until")
        .map(moment)
        .collect::<Result<Vec<_>, _>>()?;
    let turn = api.pruning.networks.take()?;
    let deleted = api
        .run(move |daemon| {
            let _turn = turn;
            Ok(remove_unused(daemon, &filters, &until))
        })
        .await?;
    Ok(Json(NetworkPruneResponse {
        networks_deleted: Some(deleted),
    }))
}

fn remove_unused(daemon: &Daemon, filters: &Filters, until: &[Timestamp]) -> Vec<String> {
    let unused: Vec<Network> = daemon.read(|state| {
        let used = state.used_networks();
        let templates: BTreeSet<&String> = state
            .networks()
            .filter_map(|it| it.config_from.as_ref())
            .collect();
        let in_use = |network: &Network| {
            let by_network = network.config_only && templates.contains(&network.name);
            by_network || used.contains(&network.id)
        };
        let label = |network: &Network, kind: &str| {
            let value = |key: &str| network.labels.get(key).map(String::as_str);
            if kind == "label" {
                filters.labels(kind, value)
            } else {
                filters.lacks_labels(value)
            }
        };
        let candidates = state.networks().filter(|network| {
            network.is_user_defined()
                && !in_use(network)
                && until.iter().all(|until| network.created < *until)
                && label(network, "label")
                && label(network, "label!")
        });
        candidates.cloned().collect()
    });
    let removed = |network: &Network| match daemon.delete_network(&network.id.to_string()) {
        Ok(()) => true,
        Err(error) => {
            tracing::warn!(network = network.name, "not pruned: {}", chain(&error));
            false
        }
    };
    unused
        .into_iter()
        .filter(removed)
        .map(|network| network.name)
        .collect()
}
