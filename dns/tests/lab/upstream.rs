//! A real DNS server on this machine's loopback that behaves as a test wants.

use std::io::{Read, Write};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use hickory_proto::op::{Message, ResponseCode};
use hickory_proto::rr::rdata::SOA;
use hickory_proto::rr::{Name, RData, Record};

/// What it does with a query.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) enum Manner {
    /// It answers with this address.
    Answers([u8; 4]),
    /// It does so after a while.
    Slow(Duration, [u8; 4]),
    /// It answers this code, without its question.
    Says(ResponseCode),
    /// It never answers.
    Silent,
    /// It first sends an answer under another id, then one to another question, then the right one.
    Lies([u8; 4]),
    /// It truncates datagrams, and has this many addresses for those who ask over TCP.
    Truncates(u8),
    /// It answers with this address, for so many seconds.
    Lives(u32, [u8; 4]),
    /// It says that there is no such name, and for how many seconds at most that may be believed, or nothing of that.
    Denies(Option<u32>),
    /// It refuses queries with EDNS, and answers others with this address.
    KnowsNoEdns([u8; 4]),
    /// It drops the first query and answers the others.
    Loses([u8; 4]),
}

/// A running server; its threads end with the test's process.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    datagrams: Arc<AtomicUsize>,
    streams: Arc<AtomicUsize>,
    last: Arc<Mutex<Vec<u8>>>,
}

impl Server {
    pub(crate) fn start(manner: Manner) -> Self {
        let (address, udp, tcp) = super::sockets();
        let server = Self {
            address,
            datagrams: Arc::default(),
            streams: Arc::default(),
            last: Arc::default(),
        };
        let (asked, last) = (Arc::clone(&server.datagrams), Arc::clone(&server.last));
        thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok((length, client)) = udp.recv_from(&mut buffer) {
                let number = asked.fetch_add(1, Ordering::SeqCst);
                *last.lock().unwrap() = buffer[..length].to_vec();
                for reply in replies(manner, &buffer[..length], number, false) {
                    udp.send_to(&reply, client).unwrap();
                }
            }
        });
        let asked = Arc::clone(&server.streams);
        thread::spawn(move || {
            for mut stream in tcp.incoming().map(Result::unwrap) {
                let asked = Arc::clone(&asked);
                thread::spawn(move || {
                    let mut length = [0; 2];
                    while stream.read_exact(&mut length).is_ok() {
                        let mut query = vec![0; usize::from(u16::from_be_bytes(length))];
                        stream.read_exact(&mut query).unwrap();
                        let number = asked.fetch_add(1, Ordering::SeqCst);
                        for reply in replies(manner, &query, number, true) {
                            stream
                                .write_all(&(reply.len() as u16).to_be_bytes())
                                .unwrap();
                            stream.write_all(&reply).unwrap();
                        }
                    }
                });
            }
        });
        server
    }

    /// How many queries came in datagrams.
    pub(crate) fn datagrams(&self) -> usize {
        self.datagrams.load(Ordering::SeqCst)
    }

    /// How many queries came over TCP.
    pub(crate) fn streams(&self) -> usize {
        self.streams.load(Ordering::SeqCst)
    }

    /// The bytes of the latest query that came in a datagram.
    pub(crate) fn last(&self) -> Vec<u8> {
        self.last.lock().unwrap().clone()
    }
}

fn replies(manner: Manner, query: &[u8], number: usize, stream: bool) -> Vec<Vec<u8>> {
    let query = Message::from_vec(query).unwrap();
    let name = query.queries[0].name();
    let living = |ttl, addresses: &[[u8; 4]]| {
        let mut reply = query.clone().into_response();
        reply.metadata.recursion_available = true;
        reply.add_answers(addresses.iter().map(|&address| {
            let data = RData::from(std::net::Ipv4Addr::from(address));
            Record::from_rdata(name.clone(), ttl, data)
        }));
        reply
    };
    let reply = |addresses: &[[u8; 4]]| living(300, addresses);
    let messages = match manner {
        Manner::Answers(address) => vec![reply(&[address])],
        Manner::Slow(wait, address) => {
            thread::sleep(wait);
            vec![reply(&[address])]
        }
        Manner::Says(code) => {
            let mut refusal = reply(&[]);
            refusal.metadata.response_code = code;
            if code != ResponseCode::NXDomain {
                refusal.queries.clear();
            }
            vec![refusal]
        }
        Manner::Lives(ttl, address) => vec![living(ttl, &[address])],
        Manner::Denies(minimum) => {
            let mut denial = reply(&[]);
            denial.metadata.response_code = ResponseCode::NXDomain;
            denial.authorities.extend(minimum.map(|minimum| {
                let soa = SOA::new(name.clone(), name.clone(), 1, 2, 3, 4, minimum);
                Record::from_rdata(name.clone(), 3_600, RData::SOA(soa))
            }));
            vec![denial]
        }
        Manner::KnowsNoEdns(_) if query.edns.is_some() => {
            let mut refusal = reply(&[]);
            refusal.metadata.response_code = ResponseCode::FormErr;
            refusal.edns = None;
            vec![refusal]
        }
        Manner::KnowsNoEdns(address) => vec![reply(&[address])],
        Manner::Silent => vec![],
        Manner::Loses(_) if number == 0 => vec![],
        Manner::Loses(address) => vec![reply(&[address])],
        Manner::Lies(address) => {
            let (mut id, mut question) = (reply(&[[6, 6, 6, 6]]), reply(&[[6, 6, 6, 6]]));
            id.metadata.id ^= 1;
            question.queries[0].set_name(Name::from_ascii("other.example.").unwrap());
            let mut echo = query.clone();
            echo.add_answers(reply(&[[6, 6, 6, 6]]).answers);
            vec![id, question, echo, reply(&[address])]
        }
        Manner::Truncates(_) if !stream => {
            let mut cut = reply(&[]);
            cut.metadata.truncation = true;
            vec![cut]
        }
        Manner::Truncates(count) => {
            let addresses: Vec<_> = (0..count).map(|host| [192, 0, 2, host]).collect();
            vec![reply(&addresses)]
        }
    };
    messages
        .iter()
        .map(|message| message.to_vec().unwrap())
        .collect()
}
