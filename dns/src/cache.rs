//! What servers answered, for as long as they said it holds (RFC 1034, 5.3.3; RFC 2308).

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

use crate::Forwarding;
use crate::response::Response;

/// How much memory the answers take at most, in bytes: some ten thousand of common size.
const CAPACITY: usize = 4 << 20;
/// What an answer takes beside its own bytes, roughly: its place in a table, and allocations.
const OVERHEAD: usize = 128;

/// Which answer: that of these servers to this question.
///
/// Servers asked from different places, such as from inside two sandboxes, are different servers.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(crate) struct Key {
    servers: Forwarding,
    question: Vec<u8>,
}

/// Answers of all servers, for all sandboxes.
///
/// It is two tables: answers enter the young one. When that has half the capacity it becomes the old one, and what was
/// in the old one and was not asked for since is forgotten. So the least used go first, and nothing need be searched.
#[derive(Debug, Default)]
pub(crate) struct Cache {
    young: HashMap<Key, Kept>,
    young_size: usize,
    old: HashMap<Key, Kept>,
}

#[derive(Clone, Debug)]
struct Kept {
    response: Arc<Response>,
    since: Instant,
}

impl Key {
    pub(crate) fn new(servers: &Forwarding, question: Vec<u8>) -> Self {
        Self {
            servers: servers.clone(),
            question,
        }
    }
}

impl Cache {
    /// An answer that holds still, and how many seconds ago it came.
    pub(crate) fn find(&mut self, key: &Key, now: Instant) -> Option<(Arc<Response>, u32)> {
        if let Some(kept) = self.young.get(key) {
            return kept.at(now);
        }
        let (key, kept) = self.old.remove_entry(key)?;
        let found = kept.at(now)?;
        self.put(key, kept);
        Some(found)
    }

    /// Keeps an answer, if it may be kept.
    pub(crate) fn keep(&mut self, key: Key, response: &Arc<Response>, now: Instant) {
        if response.lifetime > 0 {
            self.old.remove(&key);
            let kept = Kept {
                response: Arc::clone(response),
                since: now,
            };
            self.put(key, kept);
        }
    }

    fn put(&mut self, key: Key, kept: Kept) {
        self.young_size += size(&key, &kept);
        if let Some(before) = self.young.insert(key.clone(), kept) {
            self.young_size -= size(&key, &before);
        }
        if self.young_size > CAPACITY / 2 {
            self.old = std::mem::take(&mut self.young);
            self.young_size = 0;
        }
    }
}

impl Kept {
    fn at(&self, now: Instant) -> Option<(Arc<Response>, u32)> {
        let age = now.saturating_duration_since(self.since).as_secs();
        let age = u32::try_from(age).ok()?;
        (age < self.response.lifetime).then(|| (Arc::clone(&self.response), age))
    }
}

fn size(key: &Key, kept: &Kept) -> usize {
    OVERHEAD + key.question.len() + kept.response.size()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::message::Question;

    const NAME: &[u8] = b"\x03www\x00\x00\x01\x00\x01";

    /// An answer of one address and, with it, one name server, each with its time to live.
    fn response(ttls: [u32; 2]) -> Arc<Response> {
        let mut bytes = vec![0, 7, 0x81, 0x80, 0, 1, 0, 1, 0, 1, 0, 0];
        bytes.extend(NAME);
        for (kind, ttl) in [1_u8, 2].into_iter().zip(ttls) {
            bytes.extend([0xc0, 12, 0, kind, 0, 1]);
            bytes.extend(ttl.to_be_bytes());
            bytes.extend([0, 4, 192, 0, 2, 1]);
        }
        let question = Question::read(&bytes).unwrap();
        Arc::new(Response::read(bytes, 7, &question).unwrap())
    }

    fn key(number: u32) -> Key {
        Key::new(&Forwarding::default(), number.to_be_bytes().to_vec())
    }

    #[test]
    fn an_answer_is_told_until_the_first_of_its_records_ends() {
        let (mut cache, now) = (Cache::default(), Instant::now());
        cache.keep(key(1), &response([60, 20]), now);
        let mut age = |millis| {
            let found = cache.find(&key(1), now + Duration::from_millis(millis));
            found.map(|(_, age)| age)
        };
        assert_eq!(age(0), Some(0));
        assert_eq!(age(19_999), Some(19));
        assert_eq!(age(20_000), None);
        cache.keep(key(2), &response([60, 0]), now);
        assert!(cache.find(&key(2), now).is_none());
    }

    #[test]
    fn what_is_asked_for_stays_and_all_of_it_stays_within_bounds() {
        let (mut cache, now) = (Cache::default(), Instant::now());
        let response = response([60, 60]);
        cache.keep(key(0), &response, now);
        for number in 1..100_000 {
            cache.keep(key(number), &response, now);
            if number % 100 == 0 {
                assert!(cache.find(&key(0), now).is_some(), "{number}");
            }
        }
        let kept = (0..100_000).filter(|number| {
            cache.young.contains_key(&key(*number)) || cache.old.contains_key(&key(*number))
        });
        let most = CAPACITY / OVERHEAD;
        let kept = kept.count();
        assert!((most / 8..most).contains(&kept), "{kept}");
        assert!(cache.find(&key(1), now).is_none());
    }
}
