//! `/networks`: the eight routes.

mod attach;
mod create;
mod list;
mod prune;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use bollard_stubs::models::{
    NetworkConnectRequest, NetworkCreateRequest, NetworkDisconnectRequest, NetworkInspect,
};
use serde::Serialize;

use super::query::Params;
use super::render::network::{inspect, with_containers};
use super::routes::{Carries, Routes, get, post};
use super::{Answer, Api};
use crate::daemon::Conflict;

pub(super) fn routes() -> Routes {
    Routes::new()
        .route("/networks", get(list::list).reads(&["filters"]))
        .route("/networks/", get(list::list).reads(&["filters"]))
        .route(
            "/networks/create",
            post(create::create).takes(Carries::json::<NetworkCreateRequest>()),
        )
        .route("/networks/prune", post(prune::prune).reads(&["filters"]))
        .route(
            "/networks/{id}",
            get(show).reads(&["scope", "verbose"]).delete(delete),
        )
        .route(
            "/networks/{id}/connect",
            post(attach::connect).takes(Carries::json::<NetworkConnectRequest>()),
        )
        .route(
            "/networks/{id}/disconnect",
            post(attach::disconnect).takes(Carries::json::<NetworkDisconnectRequest>()),
        )
}

/// A network as Docker shows it, and what rnet warns of.
#[derive(Serialize)]
struct Shown {
    #[serde(flatten)]
    network: NetworkInspect,
    #[serde(rename = "Warnings", skip_serializing_if = "Vec::is_empty")]
    warnings: Vec<String>,
}

async fn show(
    State(api): State<Api>,
    Path(reference): Path<String>,
    params: Params,
) -> Answer<Json<Shown>> {
    if let Some(text) = params.text("verbose").filter(|text| !is_bool(text)) {
        return Err(super::Failure::invalid(format!(
            "invalid value for verbose: {text:?}"
        )));
    }
    if params.text("scope").is_some_and(|scope| scope != "local") {
        return Err(crate::error::Error::no_such_network(reference).into());
    }
    api.run(move |daemon| {
        let network = daemon.find_network(&reference)?;
        let conflicts = daemon.lasting_conflicts_of(&network)?;
        Ok(Shown {
            network: daemon.read(|state| with_containers(inspect(&network), state, network.id)),
            warnings: conflicts.iter().map(Conflict::to_string).collect(),
        })
    })
    .await
    .map(Json)
}

async fn delete(
    State(api): State<Api>,
    Path(reference): Path<String>,
    params: Params,
) -> Answer<StatusCode> {
    let force = params.flag("force");
    api.run(move |daemon| match force {
        true => daemon.forget_network(&reference),
        false => daemon.delete_network(&reference),
    })
    .await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Go's `strconv.ParseBool`, for the one parameter that is read by it.
fn is_bool(text: &str) -> bool {
    let words = ["1", "t", "true", "0", "f", "false"];
    words.contains(&text.to_ascii_lowercase().as_str())
}
