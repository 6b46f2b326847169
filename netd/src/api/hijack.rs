//! Taking a connection over: after the `101`, bytes go both ways between the client and a process, untouched.
//!
//! ```text
//! client --input--> process    ends with the client's half; the process then reads end-of-file
//! client <-output-- process    ends with the process; the connection then ends as a whole
//! ```

use std::future::Future;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream as Process;
use std::pin::pin;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::Request;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures_util::future::BoxFuture;
use futures_util::stream::BoxStream;
use futures_util::{FutureExt, Stream, StreamExt, stream};
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper_util::rt::TokioIo;
use rnet_model::{DetachKeys, DetachWatch};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, Interest, copy, split};
use tokio::net::UnixStream;
use tokio::time::sleep;
use tokio_util::io::ReaderStream;

use super::Api;
use super::connection::Connection;
use crate::fd::watched;

/// How long a client has for the headers alone: docker-py loses what it reads along with them.
const READ_AHEAD: Duration = Duration::from_millis(5);

/// A request that may be taken over.
pub(super) struct Takeover(Option<OnUpgrade>);

/// What a client hears: what was written before, then a process's streams, or else some last words.
pub(super) struct Talk {
    past: BoxStream<'static, io::Result<Bytes>>,
    process: BoxFuture<'static, Result<Process, Vec<u8>>>,
    end: BoxFuture<'static, ()>,
    /// The keys that end the talk and not the process.
    detach: Option<DetachKeys>,
}

impl Talk {
    /// A talk with a process that is waited for when the answer's headers are sent.
    pub(super) fn with(
        process: impl Future<Output = Result<Process, Vec<u8>>> + Send + 'static,
    ) -> Self {
        Self {
            past: stream::empty().boxed(),
            process: process.boxed(),
            end: std::future::ready(()).boxed(),
            detach: None,
        }
    }

    /// The same talk, that the client can leave by these keys.
    pub(super) fn left_by(self, keys: Option<DetachKeys>) -> Self {
        Self {
            detach: keys,
            ..self
        }
    }

    /// The same talk, that is not over with the output but when `end` is, too.
    pub(super) fn until(self, end: impl Future<Output = ()> + Send + 'static) -> Self {
        Self {
            end: end.boxed(),
            ..self
        }
    }

    /// The same talk, after what was written before.
    pub(super) fn after(
        self,
        past: impl Stream<Item = io::Result<Bytes>> + Send + 'static,
    ) -> Self {
        let past = stream::once(sleep(READ_AHEAD))
            .flat_map(move |()| stream::empty())
            .chain(past);
        Self {
            past: past.boxed(),
            ..self
        }
    }
}

impl Takeover {
    /// Takes from a request what is needed; the client asks for it by `Upgrade: tcp`.
    pub(super) fn of(request: &mut Request) -> Self {
        let asked = request
            .headers()
            .get(header::UPGRADE)
            .is_some_and(|it| !it.is_empty());
        Self(request.extensions_mut().remove().filter(|_| asked))
    }

    /// Answers, and lets the client and the process talk.
    ///
    /// A client that does not ask for an upgrade is told the output, and cannot send input.
    pub(super) fn splice(self, api: &Api, content_type: &'static str, talk: Talk) -> Response {
        let content_type = [(header::CONTENT_TYPE, HeaderValue::from_static(content_type))];
        let closing = api.closing.clone();
        let Some(upgrade) = self.0 else {
            let body = output(talk).take_until(closing.cancelled_owned());
            return (content_type, Body::from_stream(body)).into_response();
        };
        api.tasks.spawn(async move {
            let both = async {
                let client = upgrade.await.map_err(io::Error::other)?;
                both_ways(client, talk).await
            };
            let ended = tokio::select! {
                ended = both => ended,
                () = closing.cancelled() => Ok(()),
            };
            if let Err(error) = ended {
                tracing::debug!("a client broke off: {error}");
            }
        });
        let switch = [
            (header::CONNECTION, HeaderValue::from_static("Upgrade")),
            (header::UPGRADE, HeaderValue::from_static("tcp")),
        ];
        (StatusCode::SWITCHING_PROTOCOLS, content_type, switch).into_response()
    }
}

/// Everything the client hears, for one that cannot speak.
fn output(talk: Talk) -> impl Stream<Item = io::Result<Bytes>> + Send {
    let live = async {
        match talk.process.await.map(in_event_loop) {
            Ok(Ok(process)) => ReaderStream::new(process).boxed(),
            Ok(Err(error)) => stream::iter([Err(error)]).boxed(),
            Err(words) => stream::iter([Ok(Bytes::from(words))]).boxed(),
        }
    };
    let end = stream::once(talk.end).flat_map(|()| stream::empty());
    talk.past.chain(stream::once(live).flatten()).chain(end)
}

async fn both_ways(client: Upgraded, mut talk: Talk) -> io::Result<()> {
    let parts = client
        .downcast::<TokioIo<Connection>>()
        .map_err(|_| io::Error::other("a client came over something else than a socket"))?;
    let mut client = parts.io.into_inner();
    while let Some(bytes) = talk.past.next().await {
        client.write_all(&bytes?).await?;
    }
    let gone = gone(&client)?;
    let mut gone = pin!(gone);
    let process = tokio::select! {
        process = talk.process => process,
        gone = &mut gone => return gone,
    };
    let mut process = match process {
        Ok(process) => in_event_loop(process)?,
        Err(words) => {
            client.write_all(&words).await?;
            return client.shutdown().await;
        }
    };
    let (mut from_client, mut to_client) = split(client);
    let (mut from_process, mut to_process) = process.split();
    let input = async {
        let mut input = parts.read_buf.as_ref().chain(&mut from_client);
        let left = match talk.detach {
            Some(keys) => !carry(&mut input, &mut to_process, keys).await?,
            None => copy(&mut input, &mut to_process).await.map(|_| false)?,
        };
        if left {
            return Ok(true);
        }
        to_process.shutdown().await.map(|()| false)
    };
    let listening = async {
        match input.await {
            // it goes, and the process stays
            Ok(true) => return Ok(()),
            Ok(false) => {}
            Err(error) => tracing::debug!("no more input is taken: {error}"),
        }
        // what remains is output, until the client is gone altogether
        gone.await
    };
    let ended = tokio::select! {
        output = copy(&mut from_process, &mut to_client) => {
            output?;
            talk.end.await;
            Ok(())
        }
        gone = listening => gone,
    };
    // one that left by keys waits to hear it; one that is gone does not
    to_client.shutdown().await.and(ended)
}

/// Carries input until it ends, or until the keys come; false then.
async fn carry(
    from: &mut (impl AsyncRead + Unpin),
    to: &mut (impl AsyncWrite + Unpin),
    keys: DetachKeys,
) -> io::Result<bool> {
    let mut watch = DetachWatch::new(keys);
    let mut buffer = [0; 4096];
    loop {
        match from.read(&mut buffer).await? {
            0 => return Ok(true),
            count => {
                let (passed, left) = watch.filter(&buffer[..count]);
                to.write_all(&passed).await?;
                if left {
                    return Ok(false);
                }
            }
        }
    }
}

fn in_event_loop(process: Process) -> io::Result<UnixStream> {
    process.set_nonblocking(true)?;
    UnixStream::from_std(process)
}

/// Resolves when the client has closed its end, both ways: one that only has no more input still listens.
fn gone(client: &Connection) -> io::Result<impl Future<Output = io::Result<()>> + use<>> {
    let duplicate: OwnedFd = client.as_fd().try_clone_to_owned()?;
    // whoever waits for errors alone is told of a hangup, and never of room to write
    let hangup = watched(duplicate, Interest::ERROR)?;
    Ok(async move { hangup.ready(Interest::WRITABLE).await.map(drop) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_client_with_no_more_input_is_not_gone() {
        let (ours, mut theirs) = UnixStream::pair().unwrap();
        let ours = Connection::Unix(ours);
        let gone = gone(&ours).unwrap();
        let mut gone = pin!(gone);
        theirs.shutdown().await.unwrap();
        let early = tokio::time::timeout(Duration::from_millis(50), &mut gone).await;
        assert!(early.is_err(), "half a close was taken for a whole one");
        drop(theirs);
        tokio::time::timeout(Duration::from_secs(5), gone)
            .await
            .unwrap()
            .unwrap();
    }

    #[tokio::test]
    async fn input_is_carried_up_to_the_keys() {
        let carried = async |input: &[u8], keys: &str| {
            let mut taken = Vec::new();
            let ended = carry(&mut { input }, &mut taken, keys.parse().unwrap()).await;
            (ended.unwrap(), taken)
        };
        assert_eq!(carried(b"a\x10\x11b", "").await, (false, b"a".to_vec()));
        let all = (true, b"a\x10\x11b".to_vec());
        assert_eq!(carried(b"a\x10\x11b", "x").await, all);
    }

    #[tokio::test]
    async fn who_cannot_speak_hears_the_past_and_the_process() {
        let (ours, theirs) = Process::pair().unwrap();
        let past = stream::iter([Ok(Bytes::from("past "))]);
        let talk = Talk::with(async { Ok(ours) }).after(past);
        std::io::Write::write_all(&mut &theirs, b"present").unwrap();
        drop(theirs);
        let heard: Vec<_> = output(talk).map(Result::unwrap).collect().await;
        assert_eq!(heard.concat(), b"past present");
    }
}
