//! A container's files as archives (`docker cp`).

use std::io;

use axum::Json;
use axum::body::Body;
use axum::extract::{Path, Request, State};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bollard_stubs::models::{ChangeType, FilesystemChange};
use futures_util::TryStreamExt;
use rnet_runtime_glue::image::{About, Change};
use serde_json::json;
use tokio_util::io::{StreamReader, SyncIoBridge};

use crate::api::error::Failure;
use crate::api::query::Params;
use crate::api::stream::archive;
use crate::api::{Answer, Api};

/// Where what is known of a path is told.
const STAT: &str = "x-docker-container-path-stat";

/// The bits of Go's `FileMode` (io/fs), each with the type or bit of stat(2) that it is for.
const TYPES: [(u32, u32); 6] = [
    (0o040_000, 1 << 31),
    (0o120_000, 1 << 27),
    (0o060_000, 1 << 26),
    (0o010_000, 1 << 25),
    (0o140_000, 1 << 24),
    (0o020_000, 1 << 26 | 1 << 21),
];
const BITS: [(u32, u32); 3] = [(0o4000, 1 << 23), (0o2000, 1 << 22), (0o1000, 1 << 20)];

pub(super) async fn head(
    State(api): State<Api>,
    Path(reference): Path<String>,
    params: Params,
) -> Answer<Response> {
    let path = path(&params)?;
    let about = api.run(move |daemon| daemon.about_file(&reference, &path));
    with_stat(Body::empty().into_response(), &about.await?)
}

pub(super) async fn get(
    State(api): State<Api>,
    Path(reference): Path<String>,
    params: Params,
) -> Answer<Response> {
    let path = path(&params)?;
    let (container, asked) = (reference.clone(), path.clone());
    let about = api.run(move |daemon| daemon.about_file(&container, &asked));
    let about = about.await?;
    let body = archive(&api, move |daemon, out| {
        daemon.pack_files(&reference, &path, out)
    });
    with_stat(body, &about)
}

pub(super) async fn put(
    State(api): State<Api>,
    Path(reference): Path<String>,
    params: Params,
    request: Request,
) -> Answer<StatusCode> {
    let path = path(&params)?;
    let body = request.into_body().into_data_stream();
    let reader = StreamReader::new(body.map_err(io::Error::other));
    let archive = SyncIoBridge::new(reader);
    api.run(move |daemon| daemon.unpack_files(&reference, &path, archive))
        .await?;
    Ok(StatusCode::OK)
}

/// What a container has changed (`docker diff`); null for nothing, as Docker says it.
pub(super) async fn changes(
    State(api): State<Api>,
    Path(reference): Path<String>,
) -> Answer<Json<Option<Vec<FilesystemChange>>>> {
    let changes = api.run(move |daemon| daemon.changes(&reference)).await?;
    let told = changes.into_iter().map(|(path, change)| FilesystemChange {
        path: path.display().to_string(),
        kind: match change {
            Change::Changed => ChangeType::_0,
            Change::Added => ChangeType::_1,
            Change::Deleted => ChangeType::_2,
        },
    });
    let told: Vec<_> = told.collect();
    Ok(Json(Some(told).filter(|told| !told.is_empty())))
}

/// All files of a container (`docker export`).
pub(super) async fn export(
    State(api): State<Api>,
    Path(reference): Path<String>,
) -> Answer<Response> {
    let container = api
        .run(move |daemon| daemon.find_container(&reference))
        .await?;
    Ok(archive(&api, move |daemon, out| {
        daemon.export(&container, out)
    }))
}

fn path(params: &Params) -> Answer<String> {
    let path = params.text("path").map(str::to_owned);
    path.ok_or_else(|| Failure::invalid("missing required parameter: path"))
}

fn with_stat(mut answer: Response, about: &About) -> Answer<Response> {
    let stat = json!({
        "name": about.name,
        "size": about.size,
        "mode": go_mode(about.mode),
        "mtime": about.modified.to_string(),
        "linkTarget": about.target,
    });
    let stat = HeaderValue::try_from(STANDARD.encode(stat.to_string()))
        .map_err(|_| Failure::invalid("the path cannot be told of"))?;
    answer.headers_mut().insert(STAT, stat);
    Ok(answer)
}

fn go_mode(mode: u32) -> u32 {
    let kind = TYPES.iter().find(|(kind, _)| mode & 0o170_000 == *kind);
    let bits = BITS.iter().filter(|(bit, _)| mode & bit != 0);
    let more = kind.into_iter().chain(bits).map(|(_, bits)| bits);
    more.fold(mode & 0o777, |all, bits| all | bits)
}
