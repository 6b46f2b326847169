//! The relay itself: which doors are open, and the one thread that waits at all of them.

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::thread;
use std::time::Duration;

use rnet_model::{Protocol, SandboxId};
use rustix::buffer::spare_capacity;
use rustix::event::epoll::{self, CreateFlags, Event, EventData, EventFlags};
use rustix::event::{EventfdFlags, eventfd};
use tokio::runtime::Handle;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use crate::datagram::{DATAGRAM_BYTES, Peers, Session};
use crate::door::{Door, Passage};
use crate::stream::Client;

/// How many connections and exchanges there may be at once: each takes two open files.
const CLIENTS: usize = 4096;
/// How many clients of one port are served before others have their turn.
const TURN: usize = 32;
/// How many ports are looked at in a turn.
const EVENTS: usize = 64;
/// How long nobody is let in after the host had no room for one more.
const REST: Duration = Duration::from_millis(100);

/// An operation that failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RelayError {
    /// The relay could not be started.
    #[error("cannot start the relay for published ports")]
    Start {
        /// The kernel's answer.
        #[source]
        source: io::Error,
    },
    /// A port could not be listened on.
    #[error("cannot relay the clients of published ports to {target}")]
    Open {
        /// Where they were to be led.
        target: SocketAddr,
        /// The kernel's answer.
        #[source]
        source: io::Error,
    },
}

/// Carries clients to the containers of published ports.
///
/// **Contract:** calls are safe from any thread and do not block. Connections go out from the network namespace of the
/// thread that started it and of those that run `tasks`. When this is dropped, all it carries ends.
#[derive(Debug)]
pub struct Relay {
    hall: Arc<Hall>,
}

/// All open doors.
#[derive(Debug)]
struct Hall {
    epoll: OwnedFd,
    /// Rings when it is over.
    bell: OwnedFd,
    doors: RwLock<Doors>,
    room: Arc<Semaphore>,
    over: CancellationToken,
    tasks: Handle,
}

#[derive(Debug, Default)]
struct Doors {
    by_number: HashMap<u64, Arc<Door>>,
    of: HashMap<SandboxId, Vec<u64>>,
    last: u64,
}

impl Relay {
    /// A relay without doors; what comes through them is carried by tasks on `tasks`.
    pub fn start(tasks: &Handle) -> Result<Self, RelayError> {
        let start = || {
            let hall = Arc::new(Hall::open(tasks.clone())?);
            let attended = Arc::clone(&hall);
            thread::Builder::new()
                .name("relay".to_owned())
                .spawn(move || attend(&attended))?;
            Ok(Self { hall })
        };
        start().map_err(|source| RelayError::Start { source })
    }

    /// Lets these be the passages of a sandbox, in place of those it had; what came through those ends.
    pub fn lead(&self, sandbox: SandboxId, passages: Vec<Passage>) -> Result<(), RelayError> {
        let mut doors = self.hall.doors_mut();
        self.hall.close_doors(&mut doors, sandbox);
        for passage in passages {
            let target = passage.target;
            let opened = self.hall.open_door(&mut doors, sandbox, passage);
            if let Err(source) = opened {
                self.hall.close_doors(&mut doors, sandbox);
                return Err(RelayError::Open { target, source });
            }
        }
        Ok(())
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.hall.over.cancel();
        // the counter has room for one
        let _ = rustix::io::write(&self.hall.bell, &1_u64.to_ne_bytes());
    }
}

impl Hall {
    fn open(tasks: Handle) -> io::Result<Self> {
        let epoll = epoll::create(CreateFlags::CLOEXEC)?;
        let bell = eventfd(0, EventfdFlags::CLOEXEC)?;
        epoll::add(&epoll, &bell, EventData::new_u64(0), EventFlags::IN)?;
        Ok(Self {
            epoll,
            bell,
            doors: RwLock::default(),
            room: Arc::new(Semaphore::new(CLIENTS)),
            over: CancellationToken::new(),
            tasks,
        })
    }

    fn open_door(&self, doors: &mut Doors, sandbox: SandboxId, passage: Passage) -> io::Result<()> {
        let door = Door::open(passage, self.over.child_token())?;
        doors.last += 1;
        let number = doors.last;
        let mut sockets = door.sockets().zip(0_u64..);
        let added = sockets.try_for_each(|(socket, place)| {
            let data = EventData::new_u64(number << 16 | place);
            epoll::add(&self.epoll, socket, data, EventFlags::IN)
        });
        drop(sockets);
        doors.by_number.insert(number, Arc::new(door));
        doors.of.entry(sandbox).or_default().push(number);
        Ok(added?)
    }

    fn close_doors(&self, doors: &mut Doors, sandbox: SandboxId) {
        let numbers = doors.of.remove(&sandbox).unwrap_or_default();
        for door in numbers.iter().filter_map(|it| doors.by_number.remove(it)) {
            for socket in door.sockets() {
                // one that was never added is not there either
                let _ = epoll::delete(&self.epoll, socket);
            }
            door.shut();
        }
    }

    /// Waits until someone waits; where they do.
    fn wait(&self) -> Vec<u64> {
        let mut events = Vec::with_capacity(EVENTS);
        // interrupted at worst: the next look tells
        let _ = epoll::wait(&self.epoll, spare_capacity(&mut events), None);
        events
            .iter()
            .map(|event: &Event| event.data.u64())
            .collect()
    }

    /// Serves whoever waits at a port.
    fn serve(self: &Arc<Self>, data: u64, buffer: &mut [u8]) -> io::Result<()> {
        let (number, place) = (data >> 16, (data & 0xffff) as u16);
        // held to the end: a door that is shut has served its last client
        let doors = self.doors();
        let Some(door) = doors.by_number.get(&number) else {
            return Ok(());
        };
        let Some(port) = door.socket(place) else {
            return Ok(());
        };
        match door.protocol() {
            Protocol::Tcp => self.take_clients(door, port, place),
            _ => self.take_datagrams(number, door, port, place, buffer),
        }
    }

    fn take_clients(&self, door: &Door, port: BorrowedFd<'_>, place: u16) -> io::Result<()> {
        for _ in 0..TURN {
            let client = match Client::next(port) {
                Ok(Some(client)) => client,
                // a client that waited has gone
                Err(error) if !is_full(&error) => continue,
                ended => return ended.map(drop),
            };
            let room = Arc::clone(&self.room).try_acquire_owned();
            match room.ok().filter(|_| door.is_for(client.address)) {
                None => client.reset(),
                Some(room) => {
                    let carried = client.carry(door.target(place), door.over.clone());
                    self.tasks.spawn(async move {
                        carried.await;
                        drop(room);
                    });
                }
            }
        }
        Ok(())
    }

    fn take_datagrams(
        self: &Arc<Self>,
        number: u64,
        door: &Door,
        port: BorrowedFd<'_>,
        place: u16,
        buffer: &mut [u8],
    ) -> io::Result<()> {
        for _ in 0..TURN {
            let Some((peers, length)) = Peers::receive(port, place, buffer)? else {
                return Ok(());
            };
            if !door.is_for(peers.client()) {
                continue;
            }
            let known = door.sessions().get(&peers).map(Arc::clone);
            let session = match known {
                Some(session) => Some(session),
                None => self.begin(number, door, peers)?,
            };
            if let Some(session) = session {
                session.forward(&buffer[..length]);
            }
        }
        Ok(())
    }

    /// A new exchange; none where there is no room for one more.
    fn begin(
        self: &Arc<Self>,
        number: u64,
        door: &Door,
        peers: Peers,
    ) -> io::Result<Option<Arc<Session>>> {
        let Ok(room) = Arc::clone(&self.room).try_acquire_owned() else {
            return Ok(None);
        };
        let session = Arc::new(Session::open(door.target(peers.place))?);
        door.sessions().insert(peers, Arc::clone(&session));
        let (hall, kept, over) = (Arc::clone(self), Arc::clone(&session), door.over.clone());
        self.tasks.spawn(async move {
            over.run_until_cancelled(hall.answer(number, peers, &kept))
                .await;
            drop(room);
        });
        Ok(Some(session))
    }

    /// Brings a client the answers to its datagrams, until the exchange is over.
    async fn answer(&self, number: u64, peers: Peers, session: &Session) {
        let mut buffer = vec![0; DATAGRAM_BYTES];
        while let Some(answer) = session.answer(&mut buffer).await {
            let doors = self.doors();
            let door = doors.by_number.get(&number);
            if let Some(port) = door.and_then(|door| door.socket(peers.place)) {
                // a client that went away misses its answer
                let _ = peers.answer(port, answer);
            }
        }
        if let Some(door) = self.doors().by_number.get(&number) {
            door.sessions().remove(&peers);
        }
    }

    fn doors(&self) -> RwLockReadGuard<'_, Doors> {
        self.doors.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn doors_mut(&self) -> RwLockWriteGuard<'_, Doors> {
        self.doors.write().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Waits at all doors at once, until it is told to end.
fn attend(hall: &Arc<Hall>) {
    let _context = hall.tasks.enter();
    let mut buffer = vec![0; DATAGRAM_BYTES];
    while !hall.over.is_cancelled() {
        for place in hall.wait() {
            match hall.serve(place, &mut buffer) {
                Err(error) if is_full(&error) => {
                    tracing::warn!("no room for a client of a published port: {error}");
                    thread::sleep(REST);
                }
                // that client is lost, and nobody else
                _ => {}
            }
        }
    }
}

/// Whether the host has no room for one more (accept(2), "Error handling").
fn is_full(error: &io::Error) -> bool {
    use nix::libc::{EMFILE, ENFILE, ENOBUFS, ENOMEM};
    matches!(
        error.raw_os_error(),
        Some(EMFILE | ENFILE | ENOBUFS | ENOMEM)
    )
}
