//! A process seen from here: its output comes, our input goes, its terminal is as large as ours.

use std::future::pending;
use std::io::{IsTerminal, stdin};
use std::pin::pin;

use bytes::BytesMut;
use futures_util::StreamExt;
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use tokio::io::{self, AsyncRead, AsyncReadExt, AsyncWriteExt, WriteHalf};
use tokio::select;

use super::detach::DetachKeys;
use super::{frames, signals, terminal};
use crate::error::{Error, Result};

/// What of a process is connected to `rnet`.
#[derive(Clone, Copy)]
pub(crate) struct Streams {
    tty: bool,
    stdin: bool,
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
        Ok(Self { tty, stdin })
    }

    /// Whether the process gets our input.
    pub(crate) const fn stdin(self) -> bool {
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
        select! {
            shown = show(from, streams.tty) => shown.map(|()| End::Output),
            () = send_input(to, streams), if streams.stdin => Ok(End::Detached),
            failed = follow_size(resize), if streams.tty => failed,
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
async fn send_input(mut to: WriteHalf<TokioIo<Upgraded>>, streams: Streams) {
    let (mut stdin, mut keys) = (io::stdin(), DetachKeys::default());
    let mut input = BytesMut::new();
    while stdin.read_buf(&mut input).await.is_ok_and(|read| read > 0) {
        let mut typed = input.split();
        if streams.tty {
            match keys.filter(&typed) {
                Some(passed) => typed = passed.as_slice().into(),
                None => return,
            }
        }
        if to.write_all(&typed).await.is_err() || to.flush().await.is_err() {
            return pending().await;
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
