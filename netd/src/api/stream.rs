//! Bodies that last: JSON lines and archives sent as they come, ended when the API closes or the client is gone.

use std::io::{self, Write};
use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use futures_util::{Stream, StreamExt, stream};
use serde::Serialize;
use tokio::sync::oneshot;
use tokio_util::io::{ReaderStream, SyncIoBridge};
use tokio_util::sync::CancellationToken;

use super::Api;
use crate::daemon::Daemon;
use crate::error::{Error, Result as DaemonResult};

/// How many bytes of an archive wait for a slow client.
const ARCHIVED: usize = 256 << 10;

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

/// An answer of an archive that is written while it is sent; one that breaks off does not look whole.
pub(super) fn archive(
    api: &Api,
    write: impl FnOnce(&Arc<Daemon>, &mut dyn Write) -> DaemonResult<()> + Send + 'static,
) -> Response {
    let (reader, writer) = tokio::io::simplex(ARCHIVED);
    let (ended, end) = oneshot::channel();
    let writing = api.clone();
    api.tasks.spawn(async move {
        let written = writing.run(move |daemon| {
            let mut writer = SyncIoBridge::new(writer);
            write(daemon, &mut writer)?;
            writer.shutdown().map_err(|source| Error::File {
                path: "the archive".into(),
                source,
            })
        });
        // whoever asked may have gone away
        let _ = ended.send(written.await);
    });
    let end = stream::once(end).filter_map(async |end| match end {
        Ok(Err(failure)) => Some(Err(io::Error::other(failure.to_string()))),
        _ => None,
    });
    bytes("application/x-tar", ReaderStream::new(reader).chain(end))
}

fn line_of<T: Serialize>(value: &T) -> Result<Bytes, serde_json::Error> {
    let mut line = serde_json::to_vec(value)?;
    line.push(b'\n');
    Ok(line.into())
}
