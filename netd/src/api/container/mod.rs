//! `/containers` and `/exec`.

mod archive;
mod attach;
mod commit;
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

use axum::Json;
use axum::extract::{Path, State};
use bollard_stubs::models::{
    ContainerCreateBody, ContainerUpdateBody, ExecConfig, ExecStartConfig,
};

use super::logs;
use super::query::Params;
use super::render::container::{Inspection, inspect};
use super::routes::{Carries, Routes, delete, get, post};
use super::{Answer, Api};
use crate::daemon::Daemon;
use terminal::resize;

pub(super) fn routes() -> Routes {
    Routes::new()
        .route(
            "/containers/json",
            get(list::list).reads(&["all", "filters", "limit", "size"]),
        )
        .route(
            "/containers/create",
            post(create::create)
                .reads(&["name", "platform"])
                .takes(Carries::json::<ContainerCreateBody>()),
        )
        .route("/containers/prune", post(prune::prune).reads(&["filters"]))
        .route(
            "/commit",
            post(commit::commit).reads(&[
                "author",
                "changes",
                "comment",
                "container",
                "pause",
                "repo",
                "tag",
            ]),
        )
        .route(
            "/containers/{id}",
            delete(lifecycle::remove).reads(&["force", "link", "v"]),
        )
        .route("/containers/{id}/json", get(show).reads(&["size"]))
        .route("/containers/{id}/start", post(lifecycle::start))
        .route(
            "/containers/{id}/stop",
            post(lifecycle::stop).reads(&["signal", "t"]),
        )
        .route(
            "/containers/{id}/restart",
            post(lifecycle::restart).reads(&["signal", "t"]),
        )
        .route(
            "/containers/{id}/kill",
            post(lifecycle::kill).reads(&["signal"]),
        )
        .route("/containers/{id}/pause", post(lifecycle::pause))
        .route("/containers/{id}/unpause", post(lifecycle::unpause))
        .route(
            "/containers/{id}/update",
            post(lifecycle::update).takes(Carries::json::<ContainerUpdateBody>()),
        )
        .route(
            "/containers/{id}/stats",
            get(stats::show).reads(&["one-shot", "stream"]),
        )
        .route(
            "/containers/{id}/rename",
            post(lifecycle::rename).reads(&["name"]),
        )
        .route(
            "/containers/{id}/wait",
            post(wait::wait).reads(&["condition"]),
        )
        .route("/containers/{id}/top", get(top::top).reads(&["ps_args"]))
        .route(
            "/containers/{id}/logs",
            get(logs::logs).reads(&[
                "details",
                "follow",
                "since",
                "stderr",
                "stdout",
                "tail",
                "timestamps",
                "until",
            ]),
        )
        .route(
            "/containers/{id}/attach",
            post(attach::attach).reads(&[
                "detachKeys",
                "logs",
                "stderr",
                "stdin",
                "stdout",
                "stream",
            ]),
        )
        .route(
            "/containers/{id}/resize",
            post(|api, id, params| resize(api, id, params, Daemon::resize)).reads(&["h", "w"]),
        )
        .route(
            "/containers/{id}/archive",
            get(archive::get)
                .reads(&["path"])
                .head(archive::head)
                .reads(&["path"])
                .put(archive::put)
                .reads(&["copyUIDGID", "noOverwriteDirNonDir", "path"])
                .takes(Carries::Archive),
        )
        .route("/containers/{id}/changes", get(archive::changes))
        .route("/containers/{id}/export", get(archive::export))
        .route(
            "/containers/{id}/exec",
            post(exec::create).takes(Carries::json::<ExecConfig>()),
        )
        .route(
            "/exec/{id}/start",
            post(exec::start).takes(Carries::json::<ExecStartConfig>()),
        )
        .route(
            "/exec/{id}/resize",
            post(|api, id, params| resize(api, id, params, Daemon::exec_resize)).reads(&["h", "w"]),
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
