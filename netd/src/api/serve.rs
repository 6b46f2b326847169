//! Serving the API on sockets: every connection and every task has its owner here, and all end before it returns.

use std::convert::Infallible;
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use futures_util::future::join_all;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::time::timeout;

use super::connection::{Connection, Incoming, Listener};
use super::{Api, routes};
use crate::daemon::Daemon;

/// How long requests under way have to finish once the API closes.
const DRAIN: Duration = Duration::from_secs(15);

/// How long to wait after a connection could not be taken, for want of file descriptors mostly.
const BREATH: Duration = Duration::from_millis(100);

/// How long a client has to show its certificate.
const WELCOME: Duration = Duration::from_secs(20);

/// Serves until `shutdown`: then streams end, requests under way are finished, and nothing new is taken.
pub async fn serve(
    listeners: Vec<Listener>,
    daemon: Arc<Daemon>,
    shutdown: impl Future<Output = ()>,
) -> std::io::Result<()> {
    let api = Api::new(daemon);
    let router = routes(api.clone());
    let accepting = listeners
        .into_iter()
        .map(|listener| accept(listener, &router, &api));
    tokio::select! {
        () = shutdown => {}
        _ = join_all(accepting) => {}
    }
    api.closing.cancel();
    api.tasks.close();
    if timeout(DRAIN, api.tasks.wait()).await.is_err() {
        tracing::warn!("some requests did not finish in time and are cut off");
    }
    Ok(())
}

/// Takes every client of one socket.
async fn accept(listener: Listener, router: &Router, api: &Api) -> Infallible {
    loop {
        match listener.accept().await {
            Ok(incoming) => take(incoming, router.clone(), api),
            Err(error) => {
                tracing::warn!("a connection could not be taken: {error}");
                tokio::time::sleep(BREATH).await;
            }
        }
    }
}

fn take(incoming: Incoming, router: Router, api: &Api) {
    let closing = api.closing.clone();
    api.tasks.spawn(async move {
        let welcome = timeout(WELCOME, incoming.welcome());
        let connection = tokio::select! {
            connection = welcome => connection,
            () = closing.cancelled() => return,
        };
        // a client that breaks off, or is refused, is its own affair
        let ended = match connection {
            Ok(Ok(connection)) => {
                let ended = talk(connection, router, closing.cancelled()).await;
                ended.map_err(|error| error.to_string())
            }
            Ok(Err(error)) => Err(error.to_string()),
            Err(_) => Err("no certificate was shown in time".to_owned()),
        };
        if let Err(error) = ended {
            tracing::debug!("connection ended: {error}");
        }
    });
}

async fn talk(
    connection: Connection,
    router: Router,
    closing: impl Future<Output = ()>,
) -> hyper::Result<()> {
    let service = TowerToHyperService::new(router);
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .serve_connection(TokioIo::new(connection), service)
        .with_upgrades();
    let mut connection = pin!(connection);
    tokio::select! {
        ended = connection.as_mut() => ended,
        () = closing => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    }
}
