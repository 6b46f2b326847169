//! Sockets that servers are asked through, opened several at a time where that is dear.

use std::collections::HashMap;
use std::io;
use std::os::fd::OwnedFd;
use std::sync::{Arc, Mutex, PoisonError};

use rnet_model::Place;

use crate::{Sockets, Transport, Upstream};

/// How many are opened at once in a sandbox, where a thread must go for them.
const BATCH: usize = 16;

/// The sockets of one sandbox's resolver; those left over are closed with it.
pub(crate) struct Pool {
    sockets: Arc<dyn Sockets>,
    /// By place, and whether they are for IPv4. None of them was used: each query has a port of its own.
    spare: Mutex<HashMap<(Place, bool), Vec<OwnedFd>>>,
}

impl Pool {
    pub(crate) fn new(sockets: Arc<dyn Sockets>) -> Self {
        Self {
            sockets,
            spare: Mutex::default(),
        }
    }

    /// A new socket for one query to `upstream`.
    pub(crate) fn open(&self, upstream: Upstream, transport: Transport) -> io::Result<OwnedFd> {
        let Upstream { place, address } = upstream;
        let one = |mut opened: Vec<OwnedFd>| opened.pop().ok_or(io::ErrorKind::NotFound.into());
        if place == Place::Host || transport == Transport::Tcp {
            return one(self.sockets.open(place, address, transport, 1)?);
        }
        let mut spare = self.spare.lock().unwrap_or_else(PoisonError::into_inner);
        let spare = spare.entry((place, address.is_ipv4())).or_default();
        if spare.is_empty() {
            *spare = self.sockets.open(place, address, transport, BATCH)?;
        }
        one(spare.split_off(spare.len().saturating_sub(1)))
    }
}

#[cfg(test)]
mod tests {
    use std::net::{SocketAddr, UdpSocket};
    use std::sync::atomic::{AtomicUsize, Ordering};

    use rnet_model::SandboxId;

    use super::*;

    #[derive(Default)]
    struct Counting(AtomicUsize);

    impl Sockets for Counting {
        fn open(
            &self,
            _: Place,
            _: SocketAddr,
            _: Transport,
            count: usize,
        ) -> io::Result<Vec<OwnedFd>> {
            self.0.fetch_add(1, Ordering::Relaxed);
            let open = |_| UdpSocket::bind("127.0.0.1:0").map(OwnedFd::from);
            (0..count).map(open).collect()
        }
    }

    #[test]
    fn a_thread_goes_to_a_sandbox_once_for_many_queries() {
        let counting = Arc::new(Counting::default());
        let pool = Pool::new(Arc::<Counting>::clone(&counting));
        let address = "10.0.0.1:53".parse().unwrap();
        let ask = |place| {
            pool.open(Upstream { place, address }, Transport::Udp)
                .unwrap()
        };
        let inside = Place::Sandbox(SandboxId::from_bytes([1; 32]));
        let used: Vec<_> = (0..BATCH + 1).map(|_| ask(inside)).collect();
        assert_eq!(counting.0.load(Ordering::Relaxed), 2);
        drop(ask(Place::Host));
        drop(ask(Place::Host));
        assert_eq!(
            counting.0.load(Ordering::Relaxed),
            4,
            "the host needs no spares"
        );
        let spare = || {
            pool.spare
                .lock()
                .unwrap()
                .values()
                .map(Vec::len)
                .sum::<usize>()
        };
        assert_eq!((used.len(), spare()), (BATCH + 1, BATCH - 1));
    }
}
