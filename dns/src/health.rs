//! Which servers lately kept silent, so that they hold up nobody.
//!
//! ```text
//! good ── silent while it answered nobody ──▶ sulking, asked last ── SULKING ──▶ doubtful, asked in its place,
//!   ▲                                            │                                but the next is not kept waiting
//!   └──────────────── it answers ────────────────┴──────────────────────────────────┘
//! ```

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::Upstream;

/// How long a silent server is asked after the others.
const SULKING: Duration = Duration::from_secs(10);
/// How long a server is remembered that nobody asks any more.
const MEMORY: Duration = Duration::from_secs(3_600);

/// How the servers of one sandbox have behaved.
///
/// Each sandbox keeps its own: what one provokes, by asking for names that no server answers, must not reorder the
/// servers of another. The order only ever changes for a while, as the first server may know names that the second
/// denies.
#[derive(Debug, Default)]
pub(crate) struct Health(Mutex<HashMap<Upstream, Behaviour>>);

#[derive(Debug, Default)]
struct Behaviour {
    /// Since when it has been silent, if it is.
    silent: Option<Instant>,
    answered: Option<Instant>,
}

/// A server, in the order they are to be asked.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Candidate {
    pub(crate) upstream: Upstream,
    /// Whether it is worth waiting for before the next is asked.
    pub(crate) trusted: bool,
}

impl Health {
    /// `upstreams` in their order, those that lately kept silent last.
    pub(crate) fn order(&self, upstreams: &[Upstream], now: Instant) -> Vec<Candidate> {
        let servers = self.lock();
        let silent = |upstream: &Upstream| servers.get(upstream).and_then(|it| it.silent);
        let mut order = upstreams.to_vec();
        order.sort_by_key(|it| silent(it).is_some_and(|since| now.duration_since(since) < SULKING));
        let candidate = |upstream| Candidate {
            upstream,
            trusted: silent(&upstream).is_none(),
        };
        order.into_iter().map(candidate).collect()
    }

    /// A server did not answer what it was asked at `asked`, or could not be reached. That is no silence if it
    /// answered something else meanwhile.
    pub(crate) fn silent(&self, upstream: Upstream, asked: Instant, now: Instant) {
        let mut servers = self.lock();
        let latest = |it: &Behaviour| it.silent.max(it.answered);
        servers.retain(|_, it| latest(it).is_some_and(|at| now.duration_since(at) < MEMORY));
        let server = servers.entry(upstream).or_default();
        if server.answered.is_none_or(|at| at <= asked) {
            server.silent = Some(now);
        }
    }

    /// A server answered, whatever it said.
    pub(crate) fn answered(&self, upstream: Upstream, now: Instant) {
        let server = Behaviour {
            silent: None,
            answered: Some(now),
        };
        self.lock().insert(upstream, server);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Upstream, Behaviour>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use rnet_model::Place;

    use super::*;

    fn upstream(address: &str) -> Upstream {
        Upstream {
            place: Place::Host,
            address: address.parse().unwrap(),
        }
    }

    fn order(health: &Health, servers: &[Upstream], now: Instant) -> Vec<(Upstream, bool)> {
        let order = health.order(servers, now).into_iter();
        order.map(|it| (it.upstream, it.trusted)).collect()
    }

    #[test]
    fn a_silent_server_is_asked_last_then_not_waited_for_and_trusted_once_it_answers() {
        let (first, second) = (upstream("10.0.0.1:53"), upstream("10.0.0.2:53"));
        let both = [first, second];
        let (health, now) = (Health::default(), Instant::now());
        health.silent(first, now, now);
        let later = now + SULKING;
        assert_eq!(order(&health, &both, now), [(second, true), (first, false)]);
        assert_eq!(
            order(&health, &both, later),
            [(first, false), (second, true)]
        );
        health.answered(first, later);
        assert_eq!(
            order(&health, &both, later),
            [(first, true), (second, true)]
        );
        health.silent(second, later, later);
        health.silent(first, later, later);
        assert_eq!(
            order(&health, &both, later),
            [(first, false), (second, false)]
        );
    }

    #[test]
    fn a_server_that_is_slow_with_one_name_is_not_silent_while_it_answers_others() {
        let server = upstream("10.0.0.1:53");
        let (health, asked) = (Health::default(), Instant::now());
        let tick = Duration::from_millis(1);
        health.answered(server, asked + tick);
        health.silent(server, asked, asked + 2 * tick);
        assert_eq!(order(&health, &[server], asked), [(server, true)]);
        health.silent(server, asked + 2 * tick, asked + 3 * tick);
        assert_eq!(order(&health, &[server], asked), [(server, false)]);
    }
}
