//! Signals that `rnet` receives for the container it shows.

use std::convert::Infallible;
use std::future::pending;

use bollard::query_parameters::KillContainerOptions;
use futures_util::stream::{self, BoxStream, SelectAll, Stream, StreamExt, select_all};
use tokio::signal::unix::{SignalKind, signal};

use crate::api::{Api, segment};
use crate::error::{Error, Result};

/// Signals caught from its creation on; until then they do to `rnet` what they always do.
pub(crate) struct Signals(SelectAll<BoxStream<'static, &'static str>>);

impl Signals {
    /// Catches what somebody may want to tell a program.
    pub(crate) fn catch() -> Result<Self> {
        let streams = [
            ("HUP", SignalKind::hangup()),
            ("INT", SignalKind::interrupt()),
            ("QUIT", SignalKind::quit()),
            ("TERM", SignalKind::terminate()),
            ("USR1", SignalKind::user_defined1()),
            ("USR2", SignalKind::user_defined2()),
        ]
        .map(|(name, kind)| Ok(caught(name, kind)?.boxed()));
        Ok(Self(select_all(
            streams.into_iter().collect::<Result<Vec<_>>>()?,
        )))
    }

    /// Passes every signal on to the container; never returns.
    pub(crate) async fn forward(mut self, api: &Api, container: &str) -> Infallible {
        loop {
            let Some(name) = self.0.next().await else {
                return pending().await;
            };
            let signal = KillContainerOptions {
                signal: name.to_owned(),
            };
            // A container that has just ended takes no signal; that is nobody's mistake.
            let _ = api
                .docker
                .kill_container(&segment(container), Some(signal))
                .await;
        }
    }
}

/// Yields once for each change of the terminal's size.
pub(crate) fn resizes() -> Result<impl Stream<Item = &'static str>> {
    caught("WINCH", SignalKind::window_change())
}

fn caught(
    name: &'static str,
    kind: SignalKind,
) -> Result<impl Stream<Item = &'static str> + Send + 'static> {
    let signal = signal(kind).map_err(|source| Error::Signal { name, source })?;
    Ok(stream::unfold(signal, move |mut signal| async move {
        signal.recv().await;
        Some((name, signal))
    }))
}
