//! Loading images from archives and saving them into one.

use std::collections::BTreeMap;
use std::io;

use axum::extract::{Query, Request, State};
use axum::response::Response;
use futures_util::TryStreamExt;
use rnet_runtime_glue::image::Step;
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio_util::io::{StreamReader, SyncIoBridge};

use super::progress::{LINES, lines, moved};
use crate::api::error::Failure;
use crate::api::query::Params;
use crate::api::stream;
use crate::api::{Answer, Api};

/// Loads the images of the body. What fails before anything was told has a status; later it is the last line.
pub(super) async fn load(
    State(api): State<Api>,
    params: Params,
    request: Request,
) -> Answer<Response> {
    let quiet = params.flag("quiet");
    let body = request
        .into_body()
        .into_data_stream()
        .map_err(io::Error::other);
    let archive = SyncIoBridge::new(StreamReader::new(body));
    let (sender, receiver) = mpsc::channel(LINES);
    let closing = api.closing.clone();
    let loading = api.clone();
    api.tasks.spawn(async move {
        let failed = sender.clone();
        let tell = move |step| {
            if let Some(line) = line(&step, quiet) {
                // nobody may listen any more: what was begun is finished
                let _ = sender.blocking_send(Ok(line));
            }
        };
        let loaded = loading.run(move |daemon| {
            for image in daemon.images().load(archive, tell)? {
                let name = image
                    .references
                    .first()
                    .map_or_else(|| image.id.to_string(), ToString::to_string);
                daemon.image_event("load", image.id, name, &image.config.labels);
            }
            Ok(())
        });
        if let Err(failure) = loaded.await {
            let _ = failed.send(Err(failure)).await;
        }
    });
    lines(receiver, closing, |line| line).await
}

/// Saves the images that the query names.
pub(super) async fn save(
    State(api): State<Api>,
    Query(pairs): Query<Vec<(String, String)>>,
) -> Answer<Response> {
    let names = pairs.into_iter().filter(|(key, _)| key == "names");
    saved(api, names.map(|(_, name)| name).collect()).await
}

/// Answers with the archive of images.
pub(super) async fn saved(api: Api, names: Vec<String>) -> Answer<Response> {
    if names.is_empty() {
        return Err(Failure::invalid("no images to save are named (names=)"));
    }
    let selection = api
        .run(move |daemon| Ok(daemon.images().select(&names)?))
        .await?;
    Ok(stream::archive(&api, move |daemon, out| {
        daemon.images().save(&selection, out)?;
        for id in selection.ids() {
            daemon.image_event("save", id, id, &BTreeMap::new());
        }
        Ok(())
    }))
}

/// What a step is told as; only the images where quiet is asked for.
fn line(step: &Step, quiet: bool) -> Option<Value> {
    match step {
        Step::Unpacking { .. } if quiet => None,
        Step::Unpacking {
            layer,
            current,
            total,
        } => Some(moved(&layer.short(), "Loading layer", *current, *total)),
        Step::Loaded { image, reference } => Some(json!({ "stream": match reference {
            Some(reference) => format!("Loaded image: {reference}\n"),
            None => format!("Loaded image ID: {image}\n"),
        }})),
    }
}
