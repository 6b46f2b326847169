//! How much may be under way at once, for one sandbox and for all of them together.
//!
//! Sandboxes share what there is as switches share their memory: one may take no more than is still free. So one alone
//! gets half of it, a few that take all they can leave room for as much as each of them has, and there is always some
//! for a newcomer.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// What all sandboxes share.
#[derive(Debug)]
pub(crate) struct Permits {
    free: AtomicUsize,
}

/// What one sandbox takes of it.
#[derive(Debug)]
pub(crate) struct Share {
    permits: Arc<Permits>,
    most: usize,
    taken: AtomicUsize,
}

/// Leave for one thing to be under way; dropped, it makes room for another.
#[derive(Debug)]
pub(crate) struct Permit(Arc<Share>);

impl Permits {
    /// Room for so many.
    pub(crate) fn new(all: usize) -> Arc<Self> {
        let free = AtomicUsize::new(all);
        Arc::new(Self { free })
    }

    /// The share of one sandbox, which has `most` of them at once.
    pub(crate) fn share(self: &Arc<Self>, most: usize) -> Arc<Share> {
        Arc::new(Share {
            permits: Arc::clone(self),
            most,
            taken: AtomicUsize::new(0),
        })
    }
}

impl Share {
    /// One more; none if this sandbox has as many as it may.
    pub(crate) fn permit(self: &Arc<Self>) -> Option<Permit> {
        let taken = self.taken.fetch_add(1, Ordering::Relaxed);
        let take = |free: usize| (taken < free.min(self.most)).then(|| free - 1);
        let free = &self.permits.free;
        if free
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, take)
            .is_err()
        {
            self.taken.fetch_sub(1, Ordering::Relaxed);
            return None;
        }
        Some(Permit(Arc::clone(self)))
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.0.taken.fetch_sub(1, Ordering::Relaxed);
        self.0.permits.free.fetch_add(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(share: &Arc<Share>) -> Vec<Permit> {
        std::iter::from_fn(|| share.permit()).collect()
    }

    #[test]
    fn one_sandbox_has_no_more_than_it_may_and_what_it_gives_back_is_there_again() {
        let share = Permits::new(1_000).share(10);
        let taken = all(&share);
        assert_eq!(taken.len(), 10);
        drop(taken);
        assert_eq!(all(&share).len(), 10);
    }

    #[test]
    fn all_sandboxes_together_have_no_more_than_there_is_and_each_newcomer_gets_some() {
        let permits = Permits::new(100);
        let shares: Vec<_> = (0..6).map(|_| permits.share(90)).collect();
        let taken: Vec<Vec<Permit>> = shares.iter().map(all).collect();
        let counts: Vec<_> = taken.iter().map(Vec::len).collect();
        assert_eq!(counts, [50, 25, 13, 6, 3, 2]);
    }

    #[test]
    fn what_is_given_back_is_for_all() {
        let permits = Permits::new(100);
        let (first, second) = (permits.share(100), permits.share(100));
        let taken = all(&first);
        assert_eq!(all(&second).len(), 25);
        drop(taken);
        assert_eq!(all(&second).len(), 50);
    }
}
