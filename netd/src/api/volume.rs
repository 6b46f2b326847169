//! `/volumes`: creating, listing and removing volumes.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use bollard_stubs::models::{
    Volume as Shown, VolumeCreateRequest, VolumeListResponse, VolumePruneResponse, VolumeScopeEnum,
};

use super::body::Json as Body;
use super::error::Failure;
use super::query::Params;
use super::routes::{Carries, Routes, get, post};
use super::{Answer, Api};
use crate::daemon::Daemon;
use crate::volume::Volume;

const FILTERS: &[&str] = &["dangling", "driver", "label", "name"];
const PRUNE_FILTERS: &[&str] = &["all", "label", "label!"];

pub(super) fn routes() -> Routes {
    Routes::new()
        .route("/volumes", get(list).reads(&["filters"]))
        .route(
            "/volumes/create",
            post(create).takes(Carries::json::<VolumeCreateRequest>()),
        )
        .route("/volumes/prune", post(prune).reads(&["filters"]))
        .route(
            "/volumes/{name}",
            get(show).delete(remove).reads(&["force"]),
        )
}

async fn list(State(api): State<Api>, params: Params) -> Answer<Json<VolumeListResponse>> {
    let filters = params.filters(FILTERS)?;
    let dangling = filters.flag("dangling")?;
    let volumes = api.run(move |daemon| {
        let found: Vec<Volume> = daemon.read(|state| {
            let matches = |volume: &&Volume| {
                dangling.is_none_or(|wanted| wanted != state.volume_user(&volume.name).is_some())
                    && filters.any("name", |part| volume.name.contains(part))
                    && filters.any("driver", |driver| driver == "local")
                    && filters.labels("label", |key| volume.labels.get(key).map(String::as_str))
            };
            state.volumes().filter(matches).cloned().collect()
        });
        Ok(found.into_iter().map(|it| shown(daemon, it)).collect())
    });
    Ok(Json(VolumeListResponse {
        volumes: Some(volumes.await?),
        warnings: Some(Vec::new()),
    }))
}

async fn create(
    State(api): State<Api>,
    Body(request): Body<VolumeCreateRequest>,
) -> Answer<(StatusCode, Json<Shown>)> {
    if request
        .driver
        .is_some_and(|driver| !matches!(driver.as_str(), "" | "local"))
    {
        return Err(Failure::unsupported(
            "volume drivers other than local are not supported by rnet yet",
        ));
    }
    if request
        .driver_opts
        .is_some_and(|options| !options.is_empty())
    {
        return Err(Failure::unsupported(
            "options of the local volume driver are not supported by rnet yet",
        ));
    }
    let name = request.name.filter(|name| !name.is_empty());
    let labels = request.labels.unwrap_or_default().into_iter().collect();
    let created = api.run(move |daemon| {
        let volume = daemon.create_volume(name.as_deref(), labels)?;
        Ok(shown(daemon, volume))
    });
    Ok((StatusCode::CREATED, Json(created.await?)))
}

async fn show(State(api): State<Api>, Path(name): Path<String>) -> Answer<Json<Shown>> {
    api.run(move |daemon| Ok(shown(daemon, daemon.find_volume(&name)?)))
        .await
        .map(Json)
}

async fn remove(
    State(api): State<Api>,
    Path(name): Path<String>,
    params: Params,
) -> Answer<StatusCode> {
    let force = params.flag("force");
    api.run(move |daemon| daemon.remove_volume(&name, force))
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Removes the volumes no container uses: those without a name, and with `all` every one.
async fn prune(State(api): State<Api>, params: Params) -> Answer<Json<VolumePruneResponse>> {
    let filters = params.filters(PRUNE_FILTERS)?;
    let all = filters.flag("all")?.unwrap_or(false);
    let turn = api.pruning.volumes.take()?;
    let deleted = api.run(move |daemon| {
        let _turn = turn;
        let unused: Vec<String> = daemon.read(|state| {
            let matches = |volume: &&Volume| {
                let label = |key: &str| volume.labels.get(key).map(String::as_str);
                (all || volume.anonymous)
                    && state.volume_user(&volume.name).is_none()
                    && filters.labels("label", label)
                    && filters.lacks_labels(label)
            };
            state
                .volumes()
                .filter(matches)
                .map(|it| it.name.clone())
                .collect()
        });
        let removed = unused.into_iter().filter(|name| {
            daemon
                .remove_volume(name, false)
                .inspect_err(|error| tracing::warn!(name, "not pruned: {}", error.chain()))
                .is_ok()
        });
        Ok(removed.collect())
    });
    Ok(Json(VolumePruneResponse {
        volumes_deleted: Some(deleted.await?),
        space_reclaimed: Some(0),
    }))
}

pub(super) fn shown(daemon: &Daemon, volume: Volume) -> Shown {
    Shown {
        mountpoint: daemon.volume_dir(&volume.name).display().to_string(),
        name: volume.name,
        driver: "local".to_owned(),
        created_at: Some(volume.created.to_string()),
        labels: volume.labels.into_iter().collect(),
        scope: Some(VolumeScopeEnum::LOCAL),
        ..Shown::default()
    }
}
