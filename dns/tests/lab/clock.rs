//! A runtime whose clock stands still until a test lets time pass.

use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use tokio::runtime::{Builder, Handle};
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};

/// What comes in no time as its clock tells comes "at once", however busy the machine is.
pub(crate) struct Clock {
    pub(crate) runtime: Handle,
    passing: UnboundedSender<(Duration, mpsc::Sender<()>)>,
    _standing: mpsc::Sender<()>,
}

impl Clock {
    /// A runtime of one thread, which ends with the clock.
    pub(crate) fn stopped() -> Self {
        let mut builder = Builder::new_current_thread();
        let runtime = builder.enable_all().start_paused(true).build().unwrap();
        let handle = runtime.handle().clone();
        let (passing, mut turns) = unbounded_channel::<(Duration, mpsc::Sender<()>)>();
        let (standing, held) = mpsc::channel::<()>();
        thread::spawn(move || {
            runtime.block_on(async {
                // while anything blocks, time does not pass by itself
                drop(runtime.spawn_blocking(move || held.recv()));
                while let Some((time, passed)) = turns.recv().await {
                    tokio::time::advance(time).await;
                    passed.send(()).unwrap();
                }
            });
        });
        Self {
            runtime: handle,
            passing,
            _standing: standing,
        }
    }

    /// Lets time pass, and what was due be woken.
    pub(crate) fn pass(&self, time: Duration) {
        let (passed, awaited) = mpsc::channel();
        self.passing.send((time, passed)).unwrap();
        awaited.recv().unwrap();
    }
}

/// Waits until something is so that is bound to be so soon.
#[track_caller]
pub(crate) fn until(so: impl Fn() -> bool) {
    awaited(|| so().then_some(()));
}

/// Waits for something that is bound to come soon.
#[track_caller]
pub(crate) fn awaited<T>(come: impl Fn() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(come) = come() {
            return come;
        }
        assert!(begun.elapsed() < super::PATIENCE, "it never came");
        thread::yield_now();
    }
}
