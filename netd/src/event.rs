//! What happened, told to whoever listens, and for a while to who asks later.

use std::borrow::Cow;
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use tokio::sync::broadcast;

/// How many events are remembered, and how many a slow listener may lag behind.
const KEPT: usize = 1024;

/// One thing that happened.
#[derive(Clone, Debug)]
pub struct Event {
    /// What kind of object it happened to: `container`, `network`, …
    pub kind: &'static str,
    /// What happened, in Docker's words: `create`, `start`, `connect`, `destroy`, …
    pub action: Cow<'static, str>,
    /// The object's id.
    pub id: String,
    /// Names and facts of interest.
    pub attributes: BTreeMap<String, String>,
    /// When.
    pub time: Timestamp,
}

/// Where events are sent; a listener that is too slow loses the oldest, and so does the memory.
#[derive(Clone, Debug)]
pub struct Events {
    listeners: broadcast::Sender<Event>,
    past: Arc<Mutex<VecDeque<Event>>>,
}

impl Default for Events {
    fn default() -> Self {
        Self {
            listeners: broadcast::channel(KEPT).0,
            past: Arc::default(),
        }
    }
}

impl Events {
    /// Tells the listeners.
    pub fn send<K: Into<String>, V: Into<String>>(
        &self,
        kind: &'static str,
        action: impl Into<Cow<'static, str>>,
        id: impl ToString,
        attributes: impl IntoIterator<Item = (K, V)>,
    ) {
        let attributes = attributes
            .into_iter()
            .map(|(k, v)| (k.into(), v.into()))
            .collect();
        let (action, id) = (action.into(), id.to_string());
        let mut past = self.past();
        let event = Event {
            kind,
            action,
            id,
            attributes,
            time: Timestamp::now(),
        };
        if past.len() == KEPT {
            past.pop_front();
        }
        past.push_back(event.clone());
        // without a listener there is nobody to tell
        let _ = self.listeners.send(event);
    }

    /// Listens from now on.
    pub fn subscribe(&self) -> broadcast::Receiver<Event> {
        self.listeners.subscribe()
    }

    /// What is remembered, oldest first, of the time since a moment; and all that comes after it.
    pub fn subscribe_since(&self, since: Timestamp) -> (Vec<Event>, broadcast::Receiver<Event>) {
        // nothing is sent meanwhile, so nothing is lost and nothing is heard twice
        let past = self.past();
        let found = past.iter().filter(|event| event.time >= since);
        (found.cloned().collect(), self.subscribe())
    }

    fn past(&self) -> MutexGuard<'_, VecDeque<Event>> {
        self.past.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_events_are_remembered_and_nothing_is_heard_twice() {
        let events = Events::default();
        let tell = |id: usize| events.send("network", "create", id, [("name", "n")]);
        (0..KEPT + 3).for_each(tell);
        let (past, mut live) = events.subscribe_since(Timestamp::MIN);
        tell(KEPT + 3);
        assert_eq!(past.len(), KEPT);
        assert_eq!(past[0].id, "3");
        assert_eq!(live.try_recv().unwrap().id, (KEPT + 3).to_string());
        assert!(live.try_recv().is_err());
        let later = past[KEPT - 1].time;
        let (past, _) = events.subscribe_since(later);
        assert!(past.iter().all(|event| event.time >= later) && past.len() >= 2);
    }
}
