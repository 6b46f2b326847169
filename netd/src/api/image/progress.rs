//! Progress as lines of JSON, in Docker's shapes (moby, api/types/jsonstream).

use axum::response::Response;
use futures_util::StreamExt;
use futures_util::stream::{iter, unfold};
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::api::Answer;
use crate::api::error::Failure;
use crate::api::stream::json_lines;

/// How many lines wait for a slow client before the work does.
pub(super) const LINES: usize = 64;

/// Answers with lines. What fails before anything was told has a status; later it is the last line.
pub(super) async fn lines<T, E>(
    mut lines: mpsc::Receiver<Result<T, E>>,
    closing: CancellationToken,
    line: impl Fn(T) -> Value + Send + 'static,
) -> Answer<Response>
where
    T: Send + 'static,
    E: Into<Failure> + Send + 'static,
{
    let first = match lines.recv().await {
        Some(Err(failure)) => return Err(failure.into()),
        first => first,
    };
    let rest = unfold(lines, async |mut lines| Some((lines.recv().await?, lines)));
    let told = iter(first).chain(rest).map(move |told| match told {
        Ok(told) => line(told),
        Err(failure) => {
            let message = failure.into().to_string();
            json!({ "errorDetail": { "message": message }, "error": message })
        }
    });
    Ok(json_lines(told, closing))
}

/// How far a layer is.
pub(super) fn moved(id: &str, status: &str, current: u64, total: u64) -> Value {
    json!({
        "status": status,
        "progressDetail": { "current": current, "total": total },
        "progress": bar(current, total),
        "id": id,
    })
}

/// Docker's progress bar: fifty characters, and the bytes in words.
fn bar(current: u64, total: u64) -> String {
    const WIDTH: u64 = 50;
    let done = current
        .saturating_mul(WIDTH)
        .checked_div(total)
        .unwrap_or(WIDTH)
        .min(WIDTH);
    let line = "=".repeat(usize::try_from(done).unwrap_or(0));
    format!(
        "[{:<50}] {current}B/{total}B",
        format!("{line}>").get(..50).unwrap_or(&line)
    )
}
