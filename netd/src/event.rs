//! What happened, told to whoever listens.

use std::collections::BTreeMap;

use jiff::Timestamp;
use tokio::sync::broadcast;

/// One thing that happened.
#[derive(Clone, Debug)]
pub struct Event {
    /// What kind of object it happened to: `container` or `network`.
    pub kind: &'static str,
    /// What happened, in Docker's words: `create`, `start`, `connect`, `destroy`, …
    pub action: &'static str,
    /// The object's id.
    pub id: String,
    /// Names and facts of interest.
    pub attributes: BTreeMap<String, String>,
    /// When.
    pub time: Timestamp,
}

/// Where events are sent; a listener that is too slow loses the oldest.
#[derive(Clone, Debug)]
pub struct Events(broadcast::Sender<Event>);

impl Default for Events {
    fn default() -> Self {
        Self(broadcast::channel(1024).0)
    }
}

impl Events {
    /// Tells the listeners.
    pub fn send<K: Into<String>, V: Into<String>>(
        &self,
        kind: &'static str,
        action: &'static str,
        id: impl ToString,
        attributes: impl IntoIterator<Item = (K, V)>,
    ) {
        let attributes = attributes
            .into_iter()
            .map(|(k, v)| (k.into(), v.into()))
            .collect();
        let event = Event {
            kind,
            action,
            id: id.to_string(),
            attributes,
            time: Timestamp::now(),
        };
        // without a listener there is nobody to tell
        let _ = self.0.send(event);
    }

    /// Listens from now on.
    pub fn subscribe(&self) -> broadcast::Receiver<Event> {
        self.0.subscribe()
    }
}
