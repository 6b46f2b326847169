//! Bodies that last: JSON lines sent as they come, ended when the API closes or the client is gone.

use axum::body::{Body, Bytes};
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use futures_util::{Stream, StreamExt, stream};
use serde::Serialize;
use tokio_util::sync::CancellationToken;

/// An answer of JSON lines; its headers are sent at once.
pub(super) fn json_lines<T: Serialize>(
    lines: impl Stream<Item = T> + Send + 'static,
    closing: CancellationToken,
) -> Response {
    let body = lines
        .map(|line| line_of(&line))
        .take_until(closing.cancelled_owned());
    bytes("application/json", body)
}

/// An answer of one JSON value that takes its time; its headers are sent at once.
pub(super) fn json_later<T: Serialize>(
    value: impl Future<Output = T> + Send + 'static,
    closing: CancellationToken,
) -> Response {
    json_lines(stream::once(value), closing)
}

/// An answer of bytes as they come.
pub(super) fn bytes<E>(
    content_type: &'static str,
    body: impl Stream<Item = Result<Bytes, E>> + Send + 'static,
) -> Response
where
    E: Into<axum::BoxError> + 'static,
{
    let content_type = HeaderValue::from_static(content_type);
    (
        [(header::CONTENT_TYPE, content_type)],
        Body::from_stream(body),
    )
        .into_response()
}

fn line_of<T: Serialize>(value: &T) -> Result<Bytes, serde_json::Error> {
    let mut line = serde_json::to_vec(value)?;
    line.push(b'\n');
    Ok(line.into())
}
