//! Removing the containers that do not run.

use axum::Json;
use axum::extract::State;
use bollard_stubs::models::ContainerPruneResponse;
use rnet_model::ContainerId;

use crate::api::query::Params;
use crate::api::time::moment;
use crate::api::{Answer, Api};
use crate::container::Container;

const FILTERS: &[&str] = &["label", "label!", "until"];

pub(super) async fn prune(
    State(api): State<Api>,
    params: Params,
) -> Answer<Json<ContainerPruneResponse>> {
    let filters = params.filters(FILTERS)?;
    let until = filters
        .values("until")
        .map(moment)
        .collect::<Result<Vec<_>, _>>()?;
    let turn = api.pruning.containers.take()?;
    let deleted = api.run(move |daemon| {
        let _turn = turn;
        let matches = |container: &&Container| {
            let labels = container.config.unpack().labels.unwrap_or_default();
            let label = |key: &str| labels.get(key).map(String::as_str);
            !container.run.is_running()
                && until.iter().all(|until| container.created < *until)
                && filters.labels("label", label)
                && filters.lacks_labels(label)
        };
        let stopped: Vec<ContainerId> =
            daemon.read(|state| state.containers().filter(matches).map(|it| it.id).collect());
        let removed = stopped.into_iter().map(|id| id.to_string()).filter(|id| {
            let removed = daemon.remove_container(id, false, false);
            removed
                .inspect_err(|error| tracing::warn!(id, "not pruned: {}", error.chain()))
                .is_ok()
        });
        Ok(removed.collect())
    });
    Ok(Json(ContainerPruneResponse {
        containers_deleted: Some(deleted.await?),
        space_reclaimed: Some(0),
    }))
}
