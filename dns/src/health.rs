//! Which servers lately kept silent, so that the others are asked first.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::Upstream;

/// How long a silent server is asked after the others.
const SULKING: Duration = Duration::from_secs(10);

/// The servers of one sandbox that lately kept silent.
///
/// Each sandbox keeps its own: what one provokes, by asking for names that no server answers, must not reorder the
/// servers of another. The order only ever changes for a while, as the first server may know names that the second
/// denies.
#[derive(Debug, Default)]
pub(crate) struct Health(Mutex<HashMap<Upstream, Instant>>);

impl Health {
    /// `upstreams` in their order, those that lately kept silent last.
    pub(crate) fn order(&self, upstreams: &[Upstream], now: Instant) -> Vec<Upstream> {
        let silent = self.lock();
        let mut order = upstreams.to_vec();
        order.sort_by_key(|upstream| {
            silent
                .get(upstream)
                .is_some_and(|since| now.duration_since(*since) < SULKING)
        });
        order
    }

    /// A server did not answer in time, or could not be reached.
    pub(crate) fn silent(&self, upstream: Upstream, now: Instant) {
        let mut silent = self.lock();
        silent.retain(|_, since| now.duration_since(*since) < SULKING);
        silent.insert(upstream, now);
    }

    /// A server answered, whatever it said.
    pub(crate) fn answered(&self, upstream: Upstream) {
        self.lock().remove(&upstream);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Upstream, Instant>> {
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

    #[test]
    fn a_silent_server_is_asked_last_until_it_answers_or_some_time_has_passed() {
        let (first, second) = (upstream("10.0.0.1:53"), upstream("10.0.0.2:53"));
        let both = [first, second];
        let (health, now) = (Health::default(), Instant::now());
        health.silent(first, now);
        assert_eq!(health.order(&both, now), [second, first]);
        assert_eq!(health.order(&both, now + SULKING), both);
        health.answered(first);
        assert_eq!(health.order(&both, now), both);
        health.silent(second, now);
        health.silent(first, now);
        assert_eq!(health.order(&both, now), both);
    }
}
