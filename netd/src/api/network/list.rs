//! Listing networks.

use std::collections::BTreeSet;

use axum::Json;
use axum::extract::State;
use bollard_stubs::models::NetworkInspect;
use rnet_model::{Network, NetworkId};

use crate::api::error::Failure;
use crate::api::filter::Filters;
use crate::api::query::Params;
use crate::api::render::network::inspect;
use crate::api::{Answer, Api};

const FILTERS: &[&str] = &["dangling", "driver", "id", "label", "name", "scope", "type"];

pub(super) async fn list(
    State(api): State<Api>,
    params: Params,
) -> Answer<Json<Vec<NetworkInspect>>> {
    let filters = params.filters(FILTERS)?;
    let dangling = check(&filters)?;
    let networks = api.daemon.read(|state| {
        let used = dangling.map(|_| state.used_networks()).unwrap_or_default();
        let dangles =
            |network: &Network| dangling.is_none_or(|it| it == is_dangling(&used, network));
        let found = state
            .networks()
            .filter(|network| matches(&filters, network) && dangles(network));
        found.map(inspect).collect::<Vec<_>>()
    });
    Ok(Json(networks))
}

/// Refuses values no network can have; tells whether dangling ones are asked for.
fn check(filters: &Filters) -> Result<Option<bool>, Failure> {
    let unknown = |kind: &str, known: &[&str]| {
        let value = filters
            .values(kind)
            .find(|value| !known.contains(value))?
            .to_owned();
        Some(Failure::invalid(format!(
            "invalid filter: '{kind}'='{value}'"
        )))
    };
    match unknown("type", &["builtin", "custom"]) {
        Some(refusal) => Err(refusal),
        None => filters.flag("dangling"),
    }
}

fn matches(filters: &Filters, network: &Network) -> bool {
    let kind = if network.is_user_defined() {
        "custom"
    } else {
        "builtin"
    };
    filters.any("driver", |driver| driver == network.driver)
        && filters.any("scope", |scope| scope == "local")
        && filters.any("type", |wanted| wanted == kind)
        && filters.any("id", |id| network.id.to_string().contains(id))
        && filters.finds("name", &network.name)
        && filters.labels("label", |key| network.labels.get(key).map(String::as_str))
}

/// A predefined network is never dangling: it cannot be removed.
fn is_dangling(used: &BTreeSet<NetworkId>, network: &Network) -> bool {
    network.is_user_defined() && !used.contains(&network.id)
}
