//! A server that a resolver forwards to, as a test sees it, be it a good one or a bad.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::Mutex;

use tokio::sync::Semaphore;

/// A running server; its threads end with the test's process.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    pub(super) asked: Arc<Asked>,
    /// Open unless the server is to wait before it answers.
    pub(super) gate: Arc<Semaphore>,
}

/// What it was asked.
#[derive(Default)]
pub(crate) struct Asked(Mutex<Seen>);

#[derive(Default)]
struct Seen {
    datagrams: usize,
    streams: usize,
    last: Vec<u8>,
}

impl Server {
    /// How many queries came in datagrams.
    pub(crate) fn datagrams(&self) -> usize {
        self.asked.0.lock().unwrap().datagrams
    }

    /// How many queries came over TCP.
    pub(crate) fn streams(&self) -> usize {
        self.asked.0.lock().unwrap().streams
    }

    /// The bytes of the latest query.
    pub(crate) fn last(&self) -> Vec<u8> {
        self.asked.0.lock().unwrap().last.clone()
    }

    /// Lets a server that waits answer.
    pub(crate) fn release(&self) {
        self.gate.add_permits(Semaphore::MAX_PERMITS / 2);
    }
}

impl Asked {
    /// Notes a query; how many came before it by the same way.
    pub(super) fn note(&self, query: &[u8], stream: bool) -> usize {
        let mut seen = self.0.lock().unwrap();
        seen.last = query.to_vec();
        let count = if stream {
            &mut seen.streams
        } else {
            &mut seen.datagrams
        };
        *count += 1;
        *count - 1
    }
}
