//! `/images`: importing, listing, naming and removing; archives of them.

mod archive;
mod history;
mod progress;
mod prune;
mod select;
mod transfer;

use axum::Json;
use axum::extract::{Path, Query, Request, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use bollard_stubs::models::{
    CreateImageInfo, DriverData, HealthConfig, ImageConfig, ImageDeleteResponseItem, ImageInspect,
    ImageInspectRootFs, ImageSummary,
};
use futures_util::TryStreamExt;
use rnet_runtime_glue::image::{
    Healthcheck, Image, ImageConfig as ImageConfiguration, Import, Reference, Removed,
};
use serde::Serialize;
use tokio_util::io::{StreamReader, SyncIoBridge};

use super::error::Failure;
use super::query::Params;
use super::routes::{Carries, Routes, get, post};
use super::{Answer, Api};
use crate::daemon::{Daemon, instruction};
use crate::error::{Error, Result};
use select::Select;

pub(super) fn routes() -> Routes {
    Routes::new()
        .route("/images/json", get(list).reads(&["filters"]))
        .route(
            "/images/create",
            post(create)
                .reads(&[
                    "changes",
                    "fromImage",
                    "fromSrc",
                    "message",
                    "platform",
                    "repo",
                    "tag",
                ])
                .takes(Carries::Archive),
        )
        .route(
            "/images/load",
            post(archive::load)
                .reads(&["platform", "quiet"])
                .takes(Carries::Archive),
        )
        .route(
            "/images/get",
            get(archive::save).reads(&["names", "platform"]),
        )
        .route("/images/prune", post(prune::prune).reads(&["filters"]))
        // an image's name has slashes
        .route(
            "/images/{*path}",
            get(show)
                .at(&[
                    "/images/{name}/json",
                    "/images/{name}/history",
                    "/images/{name}/get",
                ])
                .post(change)
                .reads(&["platform", "repo", "tag"])
                .at(&["/images/{name}/tag", "/images/{name}/push"])
                .delete(remove)
                .reads(&["force", "noprune"])
                .at(&["/images/{name}"]),
        )
}

async fn list(State(api): State<Api>, params: Params) -> Answer<Json<Vec<ImageSummary>>> {
    let select = Select::read(&params)?;
    let images = api.run(move |daemon| select.of(daemon.images())).await?;
    Ok(Json(images.into_iter().map(summary).collect()))
}

/// Pulls an image, or imports the body, the archive of a root file system.
async fn create(
    State(api): State<Api>,
    params: Params,
    Query(pairs): Query<Vec<(String, String)>>,
    request: Request,
) -> Answer<Response> {
    if let Some(name) = params.text("fromImage") {
        return transfer::pulled(api, name, &params, request.headers()).await;
    }
    match params.text("fromSrc") {
        Some("-") => {}
        Some(_) => {
            return Err(Failure::unsupported(
                "only an import of the request's body (fromSrc=-) is supported",
            ));
        }
        None => {
            return Err(Failure::invalid(
                "fromSrc=- is expected, and an archive in the body",
            ));
        }
    }
    let mut config = ImageConfiguration::default();
    for (_, line) in pairs.iter().filter(|(key, _)| key == "changes") {
        instruction::apply(&mut config, line)?;
    }
    let import = Import {
        config,
        reference: reference(&params)?,
        comment: params.text("message").unwrap_or_default().to_owned(),
    };
    let body = request
        .into_body()
        .into_data_stream()
        .map_err(std::io::Error::other);
    let archive = SyncIoBridge::new(StreamReader::new(body));
    let image = api
        .run(move |daemon| {
            let image = daemon.images().import(archive, import)?;
            daemon.image_event("import", image.id, image.id, &image.config.labels);
            Ok(image)
        })
        .await?;
    let done = CreateImageInfo {
        status: Some(image.id.to_string()),
        ..CreateImageInfo::default()
    };
    Ok(Json(done).into_response())
}

async fn show(State(api): State<Api>, Path(path): Path<String>) -> Answer<Response> {
    let (name, what) = path.rsplit_once('/').ok_or_else(Failure::page_not_found)?;
    let name = name.to_owned();
    if what == "get" {
        return archive::saved(api, vec![name]).await;
    }
    let image = match what {
        "json" | "history" => {
            api.run(move |daemon| Ok(daemon.images().find(&name)?))
                .await?
        }
        _ => return Err(Failure::page_not_found()),
    };
    Ok(match what {
        "json" => {
            let shown = ImageInspect {
                graph_driver: Some(graph_driver(&api.daemon, &image)),
                ..inspect(image)
            };
            let container_config = shown.config.clone();
            Json(Inspection {
                shown,
                container_config,
            })
            .into_response()
        }
        _ => Json(history::steps(image)).into_response(),
    })
}

/// Where the layers are, as overlayfs would have them.
fn graph_driver(daemon: &Daemon, image: &Image) -> DriverData {
    let mut layers = daemon.images().layers(image);
    layers.reverse();
    let mut layers = layers.iter().map(|it| it.display().to_string());
    let upper = layers.next().unwrap_or_default();
    let lower = layers.collect::<Vec<_>>().join(":");
    let data = [("UpperDir", upper), ("LowerDir", lower)];
    let data = data.into_iter().filter(|(_, path)| !path.is_empty());
    DriverData {
        name: "overlay2".to_owned(),
        data: data.map(|(key, path)| (key.to_owned(), path)).collect(),
    }
}

/// An image, with what Docker has dropped and clients still read.
#[derive(Serialize)]
struct Inspection {
    #[serde(flatten)]
    shown: ImageInspect,
    /// That of the container the image was made from; docker-compose 1 looks for volumes there.
    #[serde(rename = "ContainerConfig")]
    container_config: Option<ImageConfig>,
}

async fn change(
    State(api): State<Api>,
    Path(path): Path<String>,
    params: Params,
    headers: HeaderMap,
) -> Answer<Response> {
    match path.rsplit_once('/') {
        Some((name, "tag")) => tag(api, name.to_owned(), params).await,
        Some((name, "push")) => transfer::pushed(api, name, &params, &headers).await,
        _ => Err(Failure::page_not_found()),
    }
}

async fn tag(api: Api, name: String, params: Params) -> Answer<Response> {
    let Some(reference) = reference(&params)? else {
        return Err(Failure::invalid(
            "a repository to tag the image with is expected (repo=)",
        ));
    };
    api.run(move |daemon| {
        let image = daemon.images().tag(&name, reference.clone())?;
        daemon.image_event("tag", image.id, reference, &image.config.labels);
        Ok(())
    })
    .await?;
    Ok(StatusCode::CREATED.into_response())
}

async fn remove(
    State(api): State<Api>,
    Path(name): Path<String>,
    params: Params,
) -> Answer<Json<Vec<ImageDeleteResponseItem>>> {
    let force = params.flag("force");
    let removed = api.run(move |daemon| {
        refuse_in_use(daemon, &name)?;
        let image = daemon.images().find(&name)?;
        let removed = daemon.images().remove(&name, force)?;
        tell(daemon, &removed, &image);
        Ok(removed)
    });
    Ok(Json(items(removed.await?)))
}

/// Refuses to remove an image with its last name while a container is made from it.
fn refuse_in_use(daemon: &Daemon, name: &str) -> Result<()> {
    let image = daemon.images().find(name)?;
    if !daemon.images().is_last_name(name)? {
        return Ok(());
    }
    let id = image.id.to_string();
    let user = daemon.read(|state| state.containers().find(|it| it.image_id == id).cloned());
    let Some(container) = user else { return Ok(()) };
    let runs = if container.run.is_running() {
        "running"
    } else {
        "stopped"
    };
    Err(Error::Conflict(format!(
        "conflict: unable to delete {name} (cannot be forced) - image is being used by {runs} container {}",
        container.id.short()
    )))
}

pub(super) fn reference(params: &Params) -> Answer<Option<Reference>> {
    let Some(repository) = params.text("repo") else {
        return Ok(None);
    };
    let reference = match params.text("tag") {
        Some(tag) => Reference::new(repository, tag),
        None => repository.parse(),
    };
    reference
        .map(Some)
        .map_err(|error| Failure::invalid(error.to_string()))
}

pub(super) fn summary(image: Image) -> ImageSummary {
    let size = i64::try_from(image.size).unwrap_or(i64::MAX);
    ImageSummary {
        id: image.id.to_string(),
        repo_tags: image.references.iter().map(Reference::to_string).collect(),
        repo_digests: image.digests.iter().map(ToString::to_string).collect(),
        created: image.created.as_second(),
        size,
        shared_size: -1,
        labels: image.config.labels.into_iter().collect(),
        containers: -1,
        ..ImageSummary::default()
    }
}

fn inspect(image: Image) -> ImageInspect {
    let config = image.config;
    ImageInspect {
        id: Some(image.id.to_string()),
        repo_tags: Some(image.references.iter().map(Reference::to_string).collect()),
        repo_digests: Some(image.digests.iter().map(ToString::to_string).collect()),
        comment: Some(image.comment),
        created: Some(image.created.to_string()),
        author: Some(image.author),
        config: Some(ImageConfig {
            user: Some(config.user),
            exposed_ports: Some(config.exposed_ports.into_keys().collect()),
            env: Some(config.env),
            entrypoint: Some(config.entrypoint).filter(|words| !words.is_empty()),
            cmd: Some(config.cmd).filter(|words| !words.is_empty()),
            working_dir: Some(config.working_dir),
            labels: Some(config.labels.into_iter().collect()),
            volumes: Some(config.volumes.into_keys().collect()),
            stop_signal: Some(config.stop_signal).filter(|signal| !signal.is_empty()),
            shell: Some(config.shell).filter(|words| !words.is_empty()),
            healthcheck: config.healthcheck.map(healthcheck),
            ..ImageConfig::default()
        }),
        architecture: Some(image.architecture),
        os: Some("linux".to_owned()),
        size: i64::try_from(image.size).ok(),
        root_fs: Some(ImageInspectRootFs {
            typ: "layers".to_owned(),
            layers: Some(image.diff_ids.iter().map(ToString::to_string).collect()),
        }),
        ..ImageInspect::default()
    }
}

fn healthcheck(check: Healthcheck) -> HealthConfig {
    HealthConfig {
        test: Some(check.test),
        interval: Some(check.interval),
        timeout: Some(check.timeout),
        retries: Some(check.retries),
        start_period: Some(check.start_period),
        start_interval: Some(check.start_interval),
    }
}

/// Tells what went away.
fn tell(daemon: &Daemon, removed: &Removed, image: &Image) {
    for _ in &removed.untagged {
        daemon.image_event("untag", image.id, image.id, &image.config.labels);
    }
    if removed.deleted.is_some() {
        daemon.image_event("delete", image.id, image.id, &image.config.labels);
    }
}

fn items(removed: Removed) -> Vec<ImageDeleteResponseItem> {
    let untagged = removed
        .untagged
        .into_iter()
        .map(|reference| ImageDeleteResponseItem {
            untagged: Some(reference),
            deleted: None,
        });
    let deleted = removed.deleted.into_iter().chain(removed.layers);
    let deleted = deleted.map(|digest| ImageDeleteResponseItem {
        untagged: None,
        deleted: Some(digest.to_string()),
    });
    untagged.chain(deleted).collect()
}
