//! Serving the API on a socket: every connection and every task has its owner here, and all end before it returns.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{UnixListener, UnixStream};

use super::{Api, routes};
use crate::daemon::Daemon;

/// How long requests under way have to finish once the API closes.
const DRAIN: Duration = Duration::from_secs(15);

/// How long to wait after a connection could not be taken, for want of file descriptors mostly.
const BREATH: Duration = Duration::from_millis(100);

/// Serves until `shutdown`: then streams end, requests under way are finished, and nothing new is taken.
pub async fn serve(
    listener: UnixListener,
    daemon: Arc<Daemon>,
    shutdown: impl Future<Output = ()>,
) -> std::io::Result<()> {
    let api = Api::new(daemon);
    let router = routes(api.clone());
    let mut shutdown = pin!(shutdown);
    loop {
        tokio::select! {
            () = &mut shutdown => break,
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => take(stream, &router, &api),
                Err(error) => {
                    tracing::warn!("a connection could not be taken: {error}");
                    tokio::time::sleep(BREATH).await;
                }
            },
        }
    }
    drop(listener);
    api.closing.cancel();
    api.tasks.close();
    if tokio::time::timeout(DRAIN, api.tasks.wait()).await.is_err() {
        tracing::warn!("some requests did not finish in time and are cut off");
    }
    Ok(())
}

fn take(stream: UnixStream, router: &Router, api: &Api) {
    let service = TowerToHyperService::new(router.clone());
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades();
    let closing = api.closing.clone();
    api.tasks.spawn(async move {
        let mut connection = pin!(connection);
        let ended = tokio::select! {
            ended = connection.as_mut() => ended,
            () = closing.cancelled() => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        };
        // a client that breaks off is its own affair
        if let Err(error) = ended {
            tracing::debug!("connection ended: {error}");
        }
    });
}
