//! Loading images from archives and saving them into one.

use std::io;

use axum::extract::{Query, Request, State};
use axum::response::Response;
use futures_util::stream::{iter, unfold};
use futures_util::{StreamExt, TryStreamExt};
use rnet_runtime_glue::image::Step;
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio_util::io::{StreamReader, SyncIoBridge};

use crate::api::error::Failure;
use crate::api::query::Params;
use crate::api::stream::{self, json_lines};
use crate::api::{Answer, Api};

/// How many lines of progress wait for a slow client before loading does.
const LINES: usize = 64;

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
    let (sender, mut lines) = mpsc::channel(LINES);
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
        let loaded = loading.run(move |daemon| Ok(daemon.images().load(archive, tell)?));
        if let Err(failure) = loaded.await {
            let _ = failed.send(Err(failure)).await;
        }
    });
    let first = match lines.recv().await {
        Some(Err(failure)) => return Err(failure),
        first => first,
    };
    let rest = unfold(lines, async |mut lines| Some((lines.recv().await?, lines)));
    let told = iter(first).chain(rest).map(|line| match line {
        Ok(line) => line,
        Err(failure) => {
            let message = failure.to_string();
            json!({ "errorDetail": { "message": message }, "error": message })
        }
    });
    Ok(json_lines(told, closing))
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
        Ok(daemon.images().save(&selection, out)?)
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
        } => Some(json!({
            "status": "Loading layer",
            "progressDetail": { "current": current, "total": total },
            "progress": bar(*current, *total),
            "id": layer.short(),
        })),
        Step::Loaded { image, reference } => Some(json!({ "stream": match reference {
            Some(reference) => format!("Loaded image: {reference}\n"),
            None => format!("Loaded image ID: {image}\n"),
        }})),
    }
}

/// Docker's progress bar: fifty characters, and the bytes in words.
fn bar(current: u64, total: u64) -> String {
    const WIDTH: u64 = 50;
    let done = (current * WIDTH)
        .checked_div(total)
        .unwrap_or(WIDTH)
        .min(WIDTH);
    let line = "=".repeat(usize::try_from(done).unwrap_or(0));
    format!(
        "[{:<50}] {current}B/{total}B",
        format!("{line}>").get(..50).unwrap_or(&line)
    )
}
