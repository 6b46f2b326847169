//! More queries under way than can be held, of one sandbox and of many.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod lab;

use std::net::SocketAddr;

use hickory_proto::op::{Message, ResponseCode};
use hickory_proto::rr::RecordType;
use lab::client::Client;
use lab::faults::Fault;
use lab::resolver::Lab;
use lab::server::Server;
use lab::{answers, query};
use rnet_model::{Place, SandboxId};

const ASKED: usize = 1_100;

/// Asks a sandbox's resolver what is never answered; how many of the queries were refused.
fn refused(resolver: SocketAddr) -> usize {
    let (client, beside) = (Client::of(resolver), Client::of(resolver));
    let mut replies = vec![];
    for number in 1..=ASKED {
        client.send(&query("www.example.com.", RecordType::A));
        if number % 50 == 0 {
            // this comes after them, so none is left in the sockets' buffers, which they would overflow
            beside.send(&query("web.", RecordType::A));
            assert_eq!(answers(&beside.answer()), ["10.0.0.2"]);
            replies.extend(client.answers_so_far());
        }
    }
    let refused = |it: &Message| it.response_code == ResponseCode::Refused;
    assert!(replies.iter().all(refused));
    replies.len()
}

#[test]
fn more_queries_under_way_than_can_be_held_are_refused_and_names_still_answered() {
    let silent = Server::bad(Fault::Silent);
    let lab = Lab::new(&[silent.address]);
    assert_eq!(refused(lab.address), ASKED - 1_024);
    assert_eq!(silent.datagrams(), 1, "the same is asked once");
}

#[test]
fn sandboxes_that_take_all_they_can_get_leave_some_for_the_next() {
    let silent = Server::bad(Fault::Silent);
    let lab = Lab::new(&[]);
    let taken: Vec<usize> = (0..10)
        .map(|number| {
            let sandbox = SandboxId::from_bytes([number; 32]);
            ASKED - refused(lab.also(sandbox, Place::Host, &[silent.address]))
        })
        .collect();
    assert_eq!(taken[..7], [1_024; 7]);
    assert_eq!(taken[7..], [512, 256, 128]);
}
