//! Asking a sandbox's servers for the names that are not known here.
//!
//! ```text
//! first server --asked--+--answers---------------------------------> its answer
//!                       +--SERVFAIL, REFUSED, unreachable--> next server, at once
//!                       +--silent for STAGGER--------------> next server as well; the first answer counts
//! no server left, or DEADLINE over --------------------------------> SERVFAIL
//! ```

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use hickory_proto::op::{Header, Message, ResponseCode};
use hickory_proto::serialize::binary::{BinDecodable, BinDecoder};
use tokio::time::{sleep, timeout};
use tracing::debug;

use crate::exchange::exchange;
use crate::health::Health;
use crate::{Forwarding, Request, Sockets, Transport, Upstream};

/// How long one server is waited for before the next is asked as well. It is longer than a server takes to find out a
/// name, as servers may disagree about names and the first is the one to believe.
const STAGGER: Duration = Duration::from_secs(1);
/// How long all servers together are waited for: less than the 5 s after which resolv.conf(5) has a client ask again.
const DEADLINE: Duration = Duration::from_millis(4_500);

/// What forwards the queries of one sandbox.
pub(crate) struct Forwarder {
    sockets: Arc<dyn Sockets>,
    health: Health,
}

impl Forwarder {
    pub(crate) fn new(sockets: Arc<dyn Sockets>) -> Self {
        Self {
            sockets,
            health: Health::default(),
        }
    }

    /// Answers `request`, whose bytes `query` are, in a few seconds at most; SERVFAIL if no server did.
    ///
    /// Every forwarded query passes here once, on its way there and back: this is where a cache belongs.
    pub(crate) async fn forward(
        &self,
        request: &Request,
        query: &[u8],
        transport: Transport,
        forwarding: &Forwarding,
    ) -> Vec<u8> {
        let race = self.race(request, query, transport, forwarding);
        match timeout(DEADLINE, race).await.ok().flatten() {
            Some(answer) => bounded(request, answer),
            None => request.encoded_reply(ResponseCode::ServFail),
        }
    }

    async fn race(
        &self,
        request: &Request,
        query: &[u8],
        transport: Transport,
        forwarding: &Forwarding,
    ) -> Option<Vec<u8>> {
        let sockets = self.sockets.as_ref();
        let mut waiting = VecDeque::from(self.health.order(forwarding.upstreams(), Instant::now()));
        let mut asked = FuturesUnordered::new();
        loop {
            let latest = waiting.pop_front();
            asked.extend(latest.map(|upstream| async move {
                (
                    upstream,
                    exchange(sockets, upstream, request, query, transport).await,
                )
            }));
            let (upstream, outcome) = tokio::select! {
                next = asked.next() => next?,
                () = sleep(STAGGER) => {
                    latest.inspect(|&upstream| self.health.silent(upstream, Instant::now()));
                    // A datagram may have been lost; a stream sees to that itself.
                    waiting.extend(latest.filter(|_| transport == Transport::Udp));
                    continue;
                }
            };
            match outcome {
                Ok(answer) => {
                    self.health.answered(upstream);
                    if !declines(&answer) {
                        return Some(answer);
                    }
                    debug!(%upstream, "the server declined, the next one is asked");
                }
                Err(error) => {
                    self.health.silent(upstream, Instant::now());
                    debug!(
                        error = &error as &dyn std::error::Error,
                        "the next server is asked"
                    );
                }
            }
            // It would not answer otherwise when asked again.
            waiting.retain(|other: &Upstream| *other != upstream);
        }
    }
}

/// Whether another server may know better: every other code, NXDOMAIN included, is an answer.
fn declines(answer: &[u8]) -> bool {
    Header::read(&mut BinDecoder::new(answer)).is_ok_and(|header| {
        matches!(
            header.response_code,
            ResponseCode::ServFail | ResponseCode::Refused
        )
    })
}

/// An answer as long as the client takes it; it is longer where it was fetched over TCP for a datagram.
fn bounded(request: &Request, answer: Vec<u8>) -> Vec<u8> {
    if answer.len() <= request.limit() {
        return answer;
    }
    let message = Message::from_vec(&answer).unwrap_or_else(|_| {
        let mut unread = request.reply(ResponseCode::NoError);
        unread.metadata.truncation = true;
        unread
    });
    request.encode(message)
}
