//! Servers that lie or fail, written by hand, as no good one would do it.

use std::io::{Read, Write};
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::thread;

use hickory_proto::op::{Message, ResponseCode};
use hickory_proto::rr::{Name, RData, Record};
use tokio::sync::Semaphore;

use super::server::Server;

/// What it does with a query.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) enum Fault {
    /// It answers this code, without its question.
    Says(ResponseCode),
    /// It never answers.
    Silent,
    /// It first sends an answer under another id, then one to another question, then the right one.
    Lies([u8; 4]),
    /// It answers with this address, for as many seconds as cannot be.
    LivesNever([u8; 4]),
    /// It says that there is no such name, and not for how long that may be believed.
    DeniesBarely,
    /// It refuses queries with EDNS, and answers others with this address.
    KnowsNoEdns([u8; 4]),
    /// It drops the first query and answers the others.
    Loses([u8; 4]),
}

impl Server {
    /// A server with this fault.
    pub(crate) fn bad(fault: Fault) -> Self {
        let (address, udp, tcp) = super::sockets();
        let server = Self {
            address,
            asked: Arc::default(),
            gate: Arc::new(Semaphore::new(0)),
        };
        let asked = Arc::clone(&server.asked);
        thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok((length, client)) = udp.recv_from(&mut buffer) {
                let number = asked.note(&buffer[..length], false);
                for reply in replies(fault, &buffer[..length], number) {
                    udp.send_to(&reply, client).unwrap();
                }
            }
        });
        let asked = Arc::clone(&server.asked);
        thread::spawn(move || {
            for mut stream in tcp.incoming().map(Result::unwrap) {
                let asked = Arc::clone(&asked);
                thread::spawn(move || {
                    let mut length = [0; 2];
                    while stream.read_exact(&mut length).is_ok() {
                        let mut query = vec![0; usize::from(u16::from_be_bytes(length))];
                        stream.read_exact(&mut query).unwrap();
                        let number = asked.note(&query, true);
                        for reply in replies(fault, &query, number) {
                            let length = (reply.len() as u16).to_be_bytes();
                            stream.write_all(&length).unwrap();
                            stream.write_all(&reply).unwrap();
                        }
                    }
                });
            }
        });
        server
    }
}

/// What it says to the query that came after `number` others.
fn replies(fault: Fault, query: &[u8], number: usize) -> Vec<Vec<u8>> {
    let query = Message::from_vec(query).unwrap();
    let reply = |ttl, address: Option<[u8; 4]>| {
        let mut reply = query.clone().into_response();
        let name = query.queries[0].name().clone();
        let data = address.map(|it| RData::from(Ipv4Addr::from(it)));
        reply.add_answers(data.map(|data| Record::from_rdata(name, ttl, data)));
        reply
    };
    let refusal = |code| {
        let mut refusal = reply(0, None);
        refusal.metadata.response_code = code;
        refusal
    };
    let good = |address| reply(300, Some(address));
    let messages = match fault {
        Fault::Silent => vec![],
        Fault::Loses(_) if number == 0 => vec![],
        Fault::Loses(address) => vec![good(address)],
        Fault::LivesNever(address) => vec![reply(1 << 31, Some(address))],
        Fault::DeniesBarely => vec![refusal(ResponseCode::NXDomain)],
        Fault::Says(code) => {
            let mut refusal = refusal(code);
            refusal.queries.clear();
            vec![refusal]
        }
        Fault::KnowsNoEdns(_) if query.edns.is_some() => {
            let mut refusal = refusal(ResponseCode::FormErr);
            refusal.edns = None;
            vec![refusal]
        }
        Fault::KnowsNoEdns(address) => vec![good(address)],
        Fault::Lies(address) => {
            let mut lies = [(); 3].map(|()| good([6, 6, 6, 6]));
            lies[0].metadata.id ^= 1;
            lies[1].queries[0].set_name(Name::from_ascii("other.example.").unwrap());
            // a query, with an answer in it
            lies[2].metadata = query.metadata;
            lies.into_iter().chain([good(address)]).collect()
        }
    };
    messages
        .iter()
        .map(|message| message.to_vec().unwrap())
        .collect()
}
