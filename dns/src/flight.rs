//! Questions on their way to servers: one flight for all who ask the same, and a cache of what came back.
//!
//! That the same is asked once at a time is not for speed alone: whoever forges answers must guess the id and port of
//! one query, not of any of the many he provoked (RFC 5452, 5).

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use tokio::sync::watch;

use crate::cache::{Cache, Key};
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
    Known(Arc<Response>, u32),
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
    /// An answer that holds still, and how many seconds ago it came.
    pub(crate) fn known(&self, key: &Key) -> Option<(Arc<Response>, u32)> {
        self.lock().cache.find(key, Instant::now())
    }

    /// The answer to `key`, and how many seconds ago it came: from the cache, from a flight that is under way, or by
    /// `ask`; none if no server answered.
    pub(crate) async fn answer(
        &self,
        key: Key,
        ask: impl AsyncFnOnce() -> Option<Response>,
    ) -> Option<(Arc<Response>, u32)> {
        loop {
            match self.way(&key) {
                Way::Known(response, age) => return Some((response, age)),
                Way::Under(mut landing) => {
                    // one that is lost, with the sandbox that asked, is followed by the next
                    if let Ok(outcome) = landing.wait_for(Option::is_some).await {
                        return outcome.clone().flatten().map(|response| (response, 0));
                    }
                }
                Way::Free(flight) => {
                    let outcome = ask().await.map(Arc::new);
                    flight.land(outcome.clone());
                    return outcome.map(|response| (response, 0));
                }
            }
        }
    }

    fn way(&self, key: &Key) -> Way<'_> {
        let mut table = self.lock();
        if let Some((response, age)) = table.cache.find(key, Instant::now()) {
            return Way::Known(response, age);
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
        if let Some(response) = &outcome {
            let mut table = self.flights.lock();
            table.cache.keep(self.key.clone(), response, Instant::now());
        }
        self.landing.send_replace(Some(outcome));
    }
}

impl Drop for Flight<'_> {
    fn drop(&mut self) {
        self.flights.lock().airborne.remove(&self.key);
    }
}
