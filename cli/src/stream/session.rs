//! A process seen from here: its output comes, our input goes, its terminal is as large as ours.

use std::future::pending;
use std::io::{IsTerminal, stdin};
use std::pin::pin;

use bytes::BytesMut;
use futures_util::StreamExt;
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use rnet_model::{DetachKeys, DetachWatch};
use tokio::io::{self, AsyncRead, AsyncReadExt, AsyncWriteExt, WriteHalf};
use tokio::select;

use super::{frames, signals, terminal};
use crate::error::{Error, Result};

/// What of a process is connected to `rnet`.
#[derive(Clone)]
pub(crate) struct Streams {
    tty: bool,
    stdin: bool,
    keys: DetachKeys,
}

impl Streams {
    /// With `tty` the process has a terminal, with `stdin` it gets our input.
    ///
    /// # Errors
    ///
    /// With both, when our input is no terminal.
    pub(crate) fn new(tty: bool, stdin: bool) -> Result<Self> {
        if tty && stdin && !self::stdin().is_terminal() {
            return Err(Error::Conflict(
                "standard input is not a terminal: use -i without -t, or -t without -i",
            ));
        }
        let keys = DetachKeys::default();
        Ok(Self { tty, stdin, keys })
    }

    /// The same, left by other keys than the usual ones where some are given.
    pub(crate) fn left_by(self, keys: Option<DetachKeys>) -> Self {
        let keys = keys.unwrap_or(self.keys);
        Self { keys, ..self }
    }

    /// Whether the process gets our input.
    pub(crate) const fn stdin(&self) -> bool {
        self.stdin
    }
}

/// Why a session is over.
pub(crate) enum End {
    /// The process has written all it had to.
    Output,
    /// The keys to detach were pressed.
    Detached,
}

/// A hijacked connection to a process.
pub(crate) struct Session {
    connection: TokioIo<Upgraded>,
    streams: Streams,
    raw: Option<terminal::Raw>,
}

impl Session {
    /// Takes over `connection`, and our terminal if the process is to have it.
    pub(crate) fn new(connection: Upgraded, streams: Streams) -> Result<Self> {
        let raw = (streams.tty && streams.stdin)
            .then(terminal::Raw::enter)
            .transpose()?;
        Ok(Self {
            connection: TokioIo::new(connection),
            streams,
            raw,
        })
    }

    /// Carries input and output until one of them is over for good; `resize` is told every size
    /// of our terminal, now and as it changes.
    pub(crate) async fn carry(self, resize: impl AsyncFn(u16, u16)) -> Result<End> {
        let Self {
            connection,
            streams,
            raw: _raw,
        } = self;
        let (from, to) = io::split(connection);
        let Streams { tty, stdin, keys } = streams;
        let keys = tty.then(|| DetachWatch::new(keys));
        select! {
            shown = show(from, tty) => shown.map(|()| End::Output),
            () = send_input(to, keys), if stdin => Ok(End::Detached),
            failed = follow_size(resize), if tty => failed,
        }
    }
}

/// Shows what a process writes, until it has written all.
pub(crate) async fn show(from: impl AsyncRead + Unpin, tty: bool) -> Result<()> {
    if tty {
        frames::raw(from, io::stdout()).await?;
        Ok(())
    } else {
        frames::copy(io::BufReader::new(from), io::stdout(), io::stderr()).await
    }
}

/// Sends our input and, when that ends, says so. Returns only when the keys to detach come.
///
/// A process that reads no more is no error: its output will tell when it is over.
async fn send_input(mut to: WriteHalf<TokioIo<Upgraded>>, mut keys: Option<DetachWatch>) {
    let mut stdin = io::stdin();
    let mut input = BytesMut::new();
    while stdin.read_buf(&mut input).await.is_ok_and(|read| read > 0) {
        let mut typed = input.split();
        let mut left = false;
        if let Some(keys) = &mut keys {
            let passed;
            (passed, left) = keys.filter(&typed);
            typed = passed.as_slice().into();
        }
        if to.write_all(&typed).await.is_err() || to.flush().await.is_err() {
            return pending().await;
        }
        if left {
            return;
        }
    }
    // For a process that is gone there is nothing left to close.
    let _ = to.shutdown().await;
    pending().await
}

/// Tells the size of our terminal whenever it changes; returns only if it cannot be watched.
async fn follow_size(resize: impl AsyncFn(u16, u16)) -> Result<End> {
    let mut resizes = pin!(signals::resizes()?);
    loop {
        if let Some((rows, columns)) = terminal::size() {
            resize(rows, columns).await;
        }
        resizes.next().await;
    }
}
