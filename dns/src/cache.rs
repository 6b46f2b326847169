//! What servers answered, for as long as they said it holds (RFC 1034, 5.3.3; RFC 2308), and that they failed, for a
//! while (RFC 9520).

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use crate::response::Response;
use crate::{Forwarding, Upstream};

/// How much memory the answers take at most, in bytes: some ten thousand of common size.
const CAPACITY: usize = 4 << 20;
/// What an answer takes beside its own bytes, roughly: its place in a table, and allocations.
const OVERHEAD: usize = 128;
/// How long it is kept that all servers failed, at first: the least that RFC 9520, 3.2 asks for, as networks of
/// containers come and go.
const FAILURE: Duration = Duration::from_secs(1);
/// How long at most, each failure being kept twice as long as the last: RFC 9520, 3.2 allows five minutes.
const LONGEST_FAILURE: Duration = Duration::from_secs(30);
/// Within which time another failure is one more of the same.
const PERSISTENCE: Duration = Duration::from_secs(60);

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

/// What is known of a question.
#[derive(Clone, Debug)]
pub(crate) enum Known {
    /// This was answered, so many seconds ago.
    Answer(Arc<Response>, u32),
    /// No server answered.
    Failure,
}

#[derive(Debug)]
struct Kept {
    what: What,
    since: Instant,
}

#[derive(Debug)]
enum What {
    Answer(Arc<Response>),
    /// For how long servers are left alone.
    Failure(Duration),
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
    /// What is known and holds still.
    pub(crate) fn find(&mut self, key: &Key, now: Instant) -> Option<Known> {
        if let Some(kept) = self.young.get(key) {
            return kept.at(now);
        }
        let found = self.old.get(key)?.at(now)?;
        if let Some((key, kept)) = self.old.remove_entry(key) {
            self.put(key, kept);
        }
        Some(found)
    }

    /// Keeps an answer, if it may be kept.
    pub(crate) fn keep(&mut self, key: Key, response: &Arc<Response>, now: Instant) {
        if response.lifetime > 0 {
            self.renew(key, What::Answer(Arc::clone(response)), now);
        }
    }

    /// Keeps that no server answered: the longer, the more often that happens.
    pub(crate) fn fail(&mut self, key: Key, now: Instant) {
        let last = self.young.get(&key).or_else(|| self.old.get(&key));
        let hold = match last {
            Some(Kept {
                what: What::Failure(hold),
                since,
            }) if now.saturating_duration_since(*since) < PERSISTENCE => {
                (2 * *hold).min(LONGEST_FAILURE)
            }
            _ => FAILURE,
        };
        self.renew(key, What::Failure(hold), now);
    }

    fn renew(&mut self, key: Key, what: What, since: Instant) {
        self.old.remove(&key);
        self.put(key, Kept { what, since });
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
    fn at(&self, now: Instant) -> Option<Known> {
        let age = now.saturating_duration_since(self.since);
        match &self.what {
            What::Failure(hold) => (age < *hold).then_some(Known::Failure),
            What::Answer(response) => {
                let age = u32::try_from(age.as_secs()).ok()?;
                (age < response.lifetime).then(|| Known::Answer(Arc::clone(response), age))
            }
        }
    }
}

fn size(key: &Key, kept: &Kept) -> usize {
    // a list of servers may be shared by keys or not
    let servers = size_of_val::<[Upstream]>(key.servers.upstreams());
    let response = match &kept.what {
        What::Answer(response) => response.size(),
        What::Failure(_) => 0,
    };
    OVERHEAD + servers + key.question.len() + response
}

#[cfg(test)]
mod tests {
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
            found.map(|known| match known {
                Known::Answer(_, age) => age,
                Known::Failure => panic!("it was answered"),
            })
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
        assert!(cache.find(&key(1), now).is_none());
        let taken = taken(&cache);
        assert!((CAPACITY / 4..=CAPACITY).contains(&taken), "{taken}");
    }

    #[test]
    fn failures_take_room_as_answers_do_and_each_sandboxs_servers_too() {
        let mut cache = Cache::default();
        for number in 0..100_000_u32 {
            let upstream = |port: u16| Upstream {
                place: rnet_model::Place::Host,
                address: ([10, 0, 0, 1], port).into(),
            };
            let servers = Forwarding::new([upstream(number as u16), upstream(1)]);
            cache.fail(
                Key::new(&servers, number.to_be_bytes().into()),
                Instant::now(),
            );
        }
        let taken = taken(&cache);
        assert!((CAPACITY / 4..=CAPACITY).contains(&taken), "{taken}");
    }

    /// How much memory the cache takes, by what is in it.
    fn taken(cache: &Cache) -> usize {
        let each = |(key, kept): (&Key, &Kept)| {
            let response = match &kept.what {
                What::Answer(response) => response.size(),
                What::Failure(_) => 0,
            };
            let servers = size_of_val(key.servers.upstreams());
            size_of::<(Key, Kept)>() + servers + key.question.capacity() + response
        };
        cache.young.iter().chain(&cache.old).map(each).sum()
    }

    #[test]
    fn a_failure_is_kept_for_a_second_then_twice_as_long_each_time_but_never_longer_than_half_a_minute()
     {
        let (mut cache, mut now) = (Cache::default(), Instant::now());
        let tick = Duration::from_millis(1);
        for seconds in [1, 2, 4, 8, 16, 30, 30] {
            cache.fail(key(1), now);
            let over = now + Duration::from_secs(seconds);
            assert!(cache.find(&key(1), over - tick).is_some(), "{seconds}");
            assert!(cache.find(&key(1), over).is_none(), "{seconds}");
            // asking again takes its time
            now = over + Duration::from_secs(5);
        }
        cache.fail(key(1), now + PERSISTENCE);
        assert!(cache.find(&key(1), now + PERSISTENCE + FAILURE).is_none());
        cache.keep(key(1), &response([60, 60]), now + PERSISTENCE);
        let found = cache.find(&key(1), now + PERSISTENCE);
        assert!(matches!(found, Some(Known::Answer(..))));
    }
}
