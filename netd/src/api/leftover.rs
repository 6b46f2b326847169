//! What a handler leaves unread of a request's body is read and thrown away, for a while: a client writes its body whole
//! before it reads the answer, and would learn of a broken pipe where it was told what is wrong.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody};
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use futures_util::StreamExt;
use hyper::body::{Frame, SizeHint};
use tokio_util::task::TaskTracker;

use super::Api;

/// How long the rest of a body is read; whoever sends for longer is cut off.
const PATIENCE: Duration = Duration::from_secs(5);

/// A layer: hands requests on with a body of which nothing is left unread.
pub(super) async fn read(State(api): State<Api>, request: Request, next: Next) -> Response {
    let request = request.map(|body| {
        Body::new(Whole {
            body,
            tasks: api.tasks.clone(),
        })
    });
    next.run(request).await
}

/// A body that is read to its end by a task, once its reader drops it earlier.
struct Whole {
    body: Body,
    tasks: TaskTracker,
}

impl HttpBody for Whole {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for Whole {
    fn drop(&mut self) {
        if self.body.is_end_stream() {
            return;
        }
        let mut rest = std::mem::take(&mut self.body).into_data_stream();
        let read = async move { while let Some(Ok(_)) = rest.next().await {} };
        self.tasks.spawn(async move {
            // the client's own affair, when it takes longer
            let _ = tokio::time::timeout(PATIENCE, read).await;
        });
    }
}
