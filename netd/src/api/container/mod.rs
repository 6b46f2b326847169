//! `/containers` and `/exec`.

mod archive;
mod attach;
mod create;
mod exec;
mod lifecycle;
mod list;
mod main_endpoint;
mod prune;
mod stats;
mod sysctls;
mod terminal;
mod top;
mod wait;

use axum::extract::{Path, State};
use axum::routing::{delete, get, post};
use axum::{Json, Router};

use super::logs;
use super::query::Params;
use super::render::container::{Inspection, inspect};
use super::{Answer, Api};
use crate::daemon::Daemon;
use terminal::resize;

pub(super) fn routes() -> Router<Api> {
    Router::new()
        .route("/containers/json", get(list::list))
        .route("/containers/create", post(create::create))
        .route("/containers/prune", post(prune::prune))
        .route("/containers/{id}", delete(lifecycle::remove))
        .route("/containers/{id}/json", get(show))
        .route("/containers/{id}/start", post(lifecycle::start))
        .route("/containers/{id}/stop", post(lifecycle::stop))
        .route("/containers/{id}/restart", post(lifecycle::restart))
        .route("/containers/{id}/kill", post(lifecycle::kill))
        .route("/containers/{id}/pause", post(lifecycle::pause))
        .route("/containers/{id}/unpause", post(lifecycle::unpause))
        .route("/containers/{id}/update", post(lifecycle::update))
        .route("/containers/{id}/stats", get(stats::show))
        .route("/containers/{id}/rename", post(lifecycle::rename))
        .route("/containers/{id}/wait", post(wait::wait))
        .route("/containers/{id}/top", get(top::top))
        .route("/containers/{id}/logs", get(logs::logs))
        .route("/containers/{id}/attach", post(attach::attach))
        .route(
            "/containers/{id}/resize",
            post(|api, id, params| resize(api, id, params, Daemon::resize)),
        )
        .route(
            "/containers/{id}/archive",
            get(archive::get).head(archive::head).put(archive::put),
        )
        .route("/containers/{id}/changes", get(archive::changes))
        .route("/containers/{id}/export", get(archive::export))
        .route("/containers/{id}/exec", post(exec::create))
        .route("/exec/{id}/start", post(exec::start))
        .route(
            "/exec/{id}/resize",
            post(|api, id, params| resize(api, id, params, Daemon::exec_resize)),
        )
        .route("/exec/{id}/json", get(exec::show))
}

async fn show(
    State(api): State<Api>,
    Path(reference): Path<String>,
    params: Params,
) -> Answer<Json<Inspection>> {
    let sized = params.flag("size");
    let shown = api.run(move |daemon| {
        let container = daemon.find_container(&reference)?;
        let size = sized.then(|| daemon.sizes(&container));
        let shown = inspect(daemon, container);
        Ok(match size {
            Some(size) => shown.with_size(size),
            None => shown,
        })
    });
    shown.await.map(Json)
}
