//! `/networks`: the eight routes.

mod attach;
mod create;
mod list;
mod prune;

use axum::Json;
use axum::Router;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::routing::{get, post};
use bollard_stubs::models::NetworkInspect;

use super::query::Params;
use super::render::network::{inspect, with_containers};
use super::{Answer, Api};

pub(super) fn routes() -> Router<Api> {
    Router::new()
        .route("/networks", get(list::list))
        .route("/networks/", get(list::list))
        .route("/networks/create", post(create::create))
        .route("/networks/prune", post(prune::prune))
        .route("/networks/{id}", get(show).delete(delete))
        .route("/networks/{id}/connect", post(attach::connect))
        .route("/networks/{id}/disconnect", post(attach::disconnect))
}

async fn show(
    State(api): State<Api>,
    Path(reference): Path<String>,
    params: Params,
) -> Answer<Json<NetworkInspect>> {
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
        Ok(daemon.read(|state| with_containers(inspect(&network), state, network.id)))
    })
    .await
    .map(Json)
}

async fn delete(State(api): State<Api>, Path(reference): Path<String>) -> Answer<StatusCode> {
    api.run(move |daemon| daemon.delete_network(&reference))
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Go's `strconv.ParseBool`, for the one parameter that is read by it.
fn is_bool(text: &str) -> bool {
    let words = ["1", "t", "true", "0", "f", "false"];
    words.contains(&text.to_ascii_lowercase().as_str())
}
