//! Starting, stopping, killing, renaming and removing.

use axum::extract::{Path, State};
use axum::http::StatusCode;
use bollard_stubs::models::{ContainerUpdateBody, ContainerUpdateResponse};

use crate::api::body::Json;
use crate::api::error::Failure;
use crate::api::query::Params;
use crate::api::{Answer, Api};

pub(super) async fn start(State(api): State<Api>, Path(id): Path<String>) -> Answer<StatusCode> {
    api.run(move |daemon| daemon.start_container(&id)).await?;
    Ok(StatusCode::NO_CONTENT)
}

pub(super) async fn stop(
    State(api): State<Api>,
    Path(id): Path<String>,
    params: Params,
) -> Answer<StatusCode> {
    let timeout = params.number("t")?;
    let signal = params.text("signal").map(str::to_owned);
    api.run(move |daemon| daemon.stop_container(&id, timeout, signal))
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

pub(super) async fn restart(
    State(api): State<Api>,
    Path(id): Path<String>,
    params: Params,
) -> Answer<StatusCode> {
    let timeout = params.number("t")?;
    api.run(move |daemon| daemon.restart_container(&id, timeout))
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

pub(super) async fn kill(
    State(api): State<Api>,
    Path(id): Path<String>,
    params: Params,
) -> Answer<StatusCode> {
    let signal = params.text("signal").unwrap_or("KILL").to_owned();
    api.run(move |daemon| daemon.kill_container(&id, &signal))
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

pub(super) async fn pause(State(api): State<Api>, Path(id): Path<String>) -> Answer<StatusCode> {
    api.run(move |daemon| daemon.pause_container(&id)).await?;
    Ok(StatusCode::NO_CONTENT)
}

pub(super) async fn unpause(State(api): State<Api>, Path(id): Path<String>) -> Answer<StatusCode> {
    api.run(move |daemon| daemon.unpause_container(&id)).await?;
    Ok(StatusCode::NO_CONTENT)
}

pub(super) async fn update(
    State(api): State<Api>,
    Path(id): Path<String>,
    Json(update): Json<ContainerUpdateBody>,
) -> Answer<axum::Json<ContainerUpdateResponse>> {
    api.run(move |daemon| daemon.update_container(&id, update))
        .await?;
    Ok(axum::Json(ContainerUpdateResponse {
        warnings: Some(Vec::new()),
    }))
}

pub(super) async fn rename(
    State(api): State<Api>,
    Path(id): Path<String>,
    params: Params,
) -> Answer<StatusCode> {
    let Some(name) = params.text("name").map(str::to_owned) else {
        return Err(Failure::invalid("New container name cannot be empty"));
    };
    api.run(move |daemon| daemon.rename_container(&id, &name))
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

pub(super) async fn remove(
    State(api): State<Api>,
    Path(id): Path<String>,
    params: Params,
) -> Answer<StatusCode> {
    if params.flag("link") {
        return Err(Failure::unsupported(
            "links between containers are not supported by rnet",
        ));
    }
    let (force, volumes) = (params.flag("force"), params.flag("v"));
    api.run(move |daemon| daemon.remove_container(&id, force, volumes))
        .await?;
    Ok(StatusCode::NO_CONTENT)
}
