//! Questions on their way to servers: one flight for all who ask the same, and a cache of what came back.
//!
//! That the same is asked once at a time is not for speed alone: whoever forges answers must guess the id and port of
//! one query, not of any of the many he provoked (RFC 5452, 5).

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;
use tokio::time::Instant;

use crate::cache::{Cache, Key, Known};
use crate::response::Response;

/// What a flight brought back: nothing if no server answered.
type Outcome = Option<Arc<Response>>;

/// The flights and the cache of all sandboxes.
#[derive(Debug, Default)]
pub(crate) struct Flights(Mutex<Table>);

#[derive(Debug, Default)]
struct Table {
    cache: Cache,
    airborne: HashMap<Key, watch::Receiver<Option<Outcome>>>,
}

/// The way to an answer.
enum Way<'a> {
    Known(Known),
    Under(watch::Receiver<Option<Outcome>>),
    Free(Flight<'a>),
}

/// A flight; dropped before it landed, it makes room for another.
struct Flight<'a> {
    flights: &'a Flights,
    key: Key,
    landing: watch::Sender<Option<Outcome>>,
}

impl Flights {
    /// What is known and holds still.
    pub(crate) fn known(&self, key: &Key) -> Option<Known> {
        self.lock().cache.find(key, Instant::now())
    }

    /// The answer to `key`: from the cache, from a flight that is under way, or by `ask`.
    pub(crate) async fn answer(
        &self,
        key: Key,
        ask: impl AsyncFnOnce() -> Option<Response>,
    ) -> Known {
        loop {
            match self.way(&key) {
                Way::Known(known) => return known,
                Way::Under(mut landing) => {
                    // one that is lost, with the sandbox that asked, is followed by the next
                    if let Ok(outcome) = landing.wait_for(Option::is_some).await {
                        return known(outcome.clone().flatten());
                    }
                }
                Way::Free(flight) => {
                    let outcome = ask().await.map(Arc::new);
                    flight.land(outcome.clone());
                    return known(outcome);
                }
            }
        }
    }

    fn way(&self, key: &Key) -> Way<'_> {
        let mut table = self.lock();
        if let Some(known) = table.cache.find(key, Instant::now()) {
            return Way::Known(known);
        }
        if let Some(landing) = table.airborne.get(key) {
            return Way::Under(landing.clone());
        }
        let landing = watch::Sender::new(None);
        table.airborne.insert(key.clone(), landing.subscribe());
        Way::Free(Flight {
            flights: self,
            key: key.clone(),
            landing,
        })
    }

    fn lock(&self) -> MutexGuard<'_, Table> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Flight<'_> {
    fn land(self, outcome: Outcome) {
        let (key, now) = (self.key.clone(), Instant::now());
        match &outcome {
            Some(response) => self.flights.lock().cache.keep(key, response, now),
            None => self.flights.lock().cache.fail(key, now),
        }
        self.landing.send_replace(Some(outcome));
    }
}

fn known(outcome: Outcome) -> Known {
    outcome.map_or(Known::Failure, |response| Known::Answer(response, 0))
}

impl Drop for Flight<'_> {
    fn drop(&mut self) {
        self.flights.lock().airborne.remove(&self.key);
    }
}
