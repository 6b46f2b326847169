//! One lock a container: what changes a container's life happens one thing at a time.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use rnet_model::ContainerId;

/// The locks that are held or waited for.
#[derive(Default)]
pub(super) struct Holds(Mutex<HashMap<ContainerId, Arc<Mutex<()>>>>);

impl Holds {
    /// Does `work` while nothing else of that container's life happens.
    pub(super) fn hold<T>(&self, container: ContainerId, work: impl FnOnce() -> T) -> T {
        let lock = Arc::clone(self.locks().entry(container).or_default());
        let done = {
            let _held = lock.lock().unwrap_or_else(PoisonError::into_inner);
            work()
        };
        let mut locks = self.locks();
        drop(lock);
        if locks
            .get(&container)
            .is_some_and(|lock| Arc::strong_count(lock) == 1)
        {
            locks.remove(&container);
        }
        done
    }

    fn locks(&self) -> std::sync::MutexGuard<'_, HashMap<ContainerId, Arc<Mutex<()>>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_container_is_held_by_one_and_no_lock_stays_behind() {
        let holds = Holds::default();
        let busy = Mutex::new(());
        let id = ContainerId::from_bytes([1; 32]);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..100 {
                        holds.hold(id, || {
                            let _alone = busy.try_lock().expect("two held one container");
                        });
                    }
                });
            }
        });
        assert!(holds.locks().is_empty());
    }
}
