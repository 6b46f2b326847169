//! Asking a sandbox's servers for the names that are not known here.
//!
//! ```text
//! first server --asked--+--answers---------------------------------> its answer
//!                       +--SERVFAIL, REFUSED, unreachable--> next server, at once
//!                       +--silent for STAGGER--------------> next server as well; the first answer counts
//! no server left, or DEADLINE over --------------------------------> SERVFAIL
//! ```
//! A server that was silent the last time it was asked is not waited for: the next is asked with it.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use tokio::time::{Instant, sleep, timeout};
use tracing::debug;

use crate::cache::{Key, Known};
use crate::exchange::exchange;
use crate::flight::Flights;
use crate::health::{Candidate, Health};
use crate::message::code;
use crate::pool::Pool;
use crate::reply::empty;
use crate::response::Response;
use crate::{Forwarding, Request, Sockets, Transport};

/// How long one server is waited for before the next is asked as well. It is longer than a server takes to find out a
/// name, as servers may disagree about names and the first is the one to believe.
const STAGGER: Duration = Duration::from_secs(1);
/// How long all servers together are waited for: less than the 5 s after which resolv.conf(5) has a client ask again.
const DEADLINE: Duration = Duration::from_millis(4_500);

/// What forwards the queries of one sandbox.
pub(crate) struct Forwarder {
    sockets: Pool,
    flights: Arc<Flights>,
    health: Health,
}

impl Forwarder {
    pub(crate) fn new(sockets: Arc<dyn Sockets>, flights: Arc<Flights>) -> Self {
        Self {
            sockets: Pool::new(sockets),
            flights,
            health: Health::default(),
        }
    }

    /// The answer to `request`, if these servers gave it before and it holds still, or there are none to be asked.
    pub(crate) fn known(&self, request: &Request, servers: &Forwarding) -> Option<Vec<u8>> {
        if servers.upstreams().is_empty() {
            return Some(told(&Known::Failure, request));
        }
        if !request.may_share() {
            return None;
        }
        let known = self.flights.known(&Key::new(servers, request.key()))?;
        Some(told(&known, request))
    }

    /// Answers `request`, in a few seconds at most; SERVFAIL if no server did.
    pub(crate) async fn forward(
        &self,
        request: &Request,
        transport: Transport,
        servers: &Forwarding,
    ) -> Vec<u8> {
        let ask = async || {
            let race = self.race(request, transport, servers);
            timeout(DEADLINE, race).await.ok().flatten()
        };
        let known = if request.may_share() {
            let key = Key::new(servers, request.key());
            let shared = timeout(DEADLINE, self.flights.answer(key, ask));
            shared.await.ok()
        } else {
            let answer = ask().await;
            answer.map(|response| Known::Answer(Arc::new(response), 0))
        };
        told(&known.unwrap_or(Known::Failure), request)
    }

    async fn race(
        &self,
        request: &Request,
        transport: Transport,
        servers: &Forwarding,
    ) -> Option<Response> {
        let sockets = &self.sockets;
        let mut waiting = VecDeque::from(self.health.order(servers.upstreams(), Instant::now()));
        let mut asked = FuturesUnordered::new();
        loop {
            let latest = waiting.pop_front();
            let begun = Instant::now();
            asked.extend(latest.map(|candidate| async move {
                let answer = exchange(sockets, candidate.upstream, request, transport).await;
                (candidate.upstream, answer)
            }));
            if !waiting.is_empty() && latest.is_some_and(|it| !it.trusted) {
                continue;
            }
            let (upstream, outcome) = tokio::select! {
                next = asked.next() => next?,
                () = sleep(STAGGER) => {
                    let silent = |it: Candidate| self.health.silent(it.upstream, begun, Instant::now());
                    latest.into_iter().for_each(silent);
                    // a datagram may have been lost; a stream sees to that itself
                    waiting.extend(latest.filter(|_| transport == Transport::Udp));
                    continue;
                }
            };
            match outcome {
                Ok(response) => {
                    self.health.answered(upstream, Instant::now());
                    if !response.declines() {
                        return Some(response);
                    }
                    debug!(%upstream, "the server declined, the next one is asked");
                }
                Err(error) => {
                    let now = Instant::now();
                    self.health.silent(upstream, now, now);
                    debug!(
                        error = &error as &dyn std::error::Error,
                        "the next server is asked"
                    );
                }
            }
            // it would not answer otherwise when asked again
            waiting.retain(|other| other.upstream != upstream);
        }
    }
}

fn told(known: &Known, request: &Request) -> Vec<u8> {
    match known {
        Known::Answer(response, age) => response.reply(request, *age),
        Known::Failure => empty(request, code::SERV_FAIL),
    }
}
