//! The reaper: one thread that deletes doomed links, many at a time, and closes what takes long to close.
//!
//! Deleting a link waits for RCU grace periods, 10 to 20 ms whether it is one link or five hundred. So a link that is
//! removed is only set down and put into the doomed group; whatever has gathered there while the reaper was busy goes
//! in its next round.

use std::convert::Infallible;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::{self, JoinHandle};

use netlink_sys::Socket;

use crate::KernelError;
use crate::rtnl::{Rtnetlink, request};

/// What a round is for.
#[derive(Debug)]
struct Call {
    /// Dropped when the round is over.
    _bell: Sender<Infallible>,
    /// Closed at its end, for which the kernel may wait for a grace period.
    _closing: Option<Socket>,
}

/// The thread, and the way to call it; it ends with this value, after the rounds it was called for.
#[derive(Debug)]
pub(crate) struct Reaper {
    /// None only while this is dropped.
    calls: Option<Sender<Call>>,
    thread: Option<JoinHandle<()>>,
}

impl Reaper {
    /// Starts the thread, whose first round deletes what an earlier life doomed.
    pub(crate) fn start(rtnetlink: Rtnetlink) -> Result<Self, KernelError> {
        let (calls, called) = channel();
        let thread = thread::Builder::new().name("reaper".to_owned());
        let thread = thread.spawn(move || reap(rtnetlink, &called));
        let reaper = Self {
            calls: Some(calls),
            thread: Some(thread.map_err(|source| KernelError::StartThread { source })?),
        };
        reaper.wake();
        Ok(reaper)
    }

    /// Lets the doomed links be deleted soon.
    pub(crate) fn wake(&self) {
        drop(self.call(None));
    }

    /// Returns when every link that is doomed by now is deleted.
    pub(crate) fn wait(&self) {
        // nothing is ever sent: the end of the channel is the end of the round
        let _ = self.call(None).recv();
    }

    /// Closes a socket to netfilter soon.
    pub(crate) fn close(&self, socket: Socket) {
        drop(self.call(Some(socket)));
    }

    fn call(&self, closing: Option<Socket>) -> Receiver<Infallible> {
        let (bell, rung) = channel();
        if let Some(calls) = &self.calls {
            // a reaper that is gone drops the bell at once
            let _ = calls.send(Call {
                _bell: bell,
                _closing: closing,
            });
        }
        rung
    }
}

impl Drop for Reaper {
    fn drop(&mut self) {
        self.calls = None;
        if let Some(thread) = self.thread.take() {
            // a panic of that thread has been printed
            let _ = thread.join();
        }
    }
}

/// A round per call; calls that came in during a round share the next one.
fn reap(mut rtnetlink: Rtnetlink, called: &Receiver<Call>) {
    while let Ok(call) = called.recv() {
        let _calls: Vec<Call> = std::iter::once(call).chain(called.try_iter()).collect();
        match rtnetlink.request(request::delete_doomed()) {
            Err(refusal) if refusal.errno() != libc::ENODEV => {
                tracing::warn!("links that were removed are not deleted yet: {refusal}");
            }
            _ => {}
        }
    }
}
