//! A resolver and the real servers it forwards to, the good ones and the bad.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod lab;

use std::time::Duration;

use hickory_proto::op::{Message, ResponseCode};
use hickory_proto::rr::RecordType;
use lab::authority::Zone;
use lab::clock::until;
use lab::faults::Fault;
use lab::resolver::Lab;
use lab::server::Server;
use lab::{answers, edns_query, query, sockets};

/// How long a server is waited for before the next is asked.
const STAGGER: Duration = Duration::from_secs(1);
const TICK: Duration = Duration::from_millis(1);

fn asked() -> Message {
    query("www.example.com.", RecordType::A)
}

/// A question that was not asked before, so that no answer to it is kept.
fn new(number: usize) -> Message {
    query(&format!("wWw{number}.example.com."), RecordType::A)
}

#[test]
fn a_name_that_is_not_known_is_asked_of_the_first_server_under_an_id_of_our_own() {
    let first = Server::with([192, 0, 2, 1]);
    let second = Server::with([192, 0, 2, 2]);
    let lab = Lab::new(&[first.address, second.address]);
    let mut same_ids = 0;
    for number in 0..8 {
        let query = new(number);
        let reply = lab.ask(&query);
        assert_eq!(
            (reply.id, answers(&reply)),
            (query.id, vec!["192.0.2.1".to_owned()])
        );
        assert!(!reply.authoritative && reply.edns.is_none());
        let seen = Message::from_vec(&first.last()).unwrap();
        assert_eq!(seen.queries, query.queries);
        assert_eq!(
            seen.queries[0].name().to_string(),
            query.queries[0].name().to_string(),
            "the case is kept"
        );
        assert_eq!(seen.edns.unwrap().max_payload(), 1232, "EDNS is our own");
        same_ids += usize::from(seen.metadata.id == query.id);
    }
    assert!(same_ids < 4, "the id is drawn anew");
    assert_eq!((first.datagrams(), second.datagrams()), (8, 0));
}

#[test]
fn over_tcp_the_server_is_asked_over_tcp() {
    let server = Server::with([192, 0, 2, 1]);
    let lab = Lab::new(&[server.address]);
    assert_eq!(answers(&lab.converse(&[asked()])[0]), ["192.0.2.1"]);
    assert_eq!((server.datagrams(), server.streams()), (0, 1));
}

#[test]
fn a_server_that_declines_or_is_not_there_is_passed_over_at_once() {
    let (gone, ..) = sockets();
    let failing = Server::bad(Fault::Says(ResponseCode::ServFail));
    let refusing = Server::bad(Fault::Says(ResponseCode::Refused));
    let good = Server::with([192, 0, 2, 3]);
    for bad in [gone, failing.address, refusing.address] {
        let lab = Lab::new(&[bad, good.address]);
        assert_eq!(answers(&lab.ask(&asked())), ["192.0.2.3"]);
        assert_eq!(answers(&lab.converse(&[new(1)])[0]), ["192.0.2.3"]);
    }
}

#[test]
fn that_there_is_no_such_name_is_an_answer() {
    let denying = Server::of(Zone::empty(60));
    let knowing = Server::with([192, 0, 2, 3]);
    let lab = Lab::new(&[denying.address, knowing.address]);
    assert_eq!(lab.ask(&asked()).response_code, ResponseCode::NXDomain);
    assert_eq!(knowing.datagrams(), 0);
}

#[test]
fn a_silent_server_costs_a_second_once_and_is_asked_last_then() {
    let silent = Server::bad(Fault::Silent);
    let good = Server::with([192, 0, 2, 2]);
    let lab = Lab::new(&[silent.address, good.address]);
    let client = lab.begin(&asked());
    until(|| silent.datagrams() == 1);
    lab.clock.pass(STAGGER - TICK);
    assert_eq!(good.datagrams(), 0);
    lab.clock.pass(TICK);
    assert_eq!(answers(&client.answer()), ["192.0.2.2"]);
    assert_eq!(answers(&lab.ask(&new(1))), ["192.0.2.2"]);
    assert_eq!(silent.datagrams(), 1);
}

#[test]
fn the_first_answer_counts_of_a_slow_server_and_the_one_asked_after_it() {
    for first_answers in [true, false] {
        let held = |host| Server::held(Zone::of([[192, 0, 2, host]], 300));
        let (slow, next) = (held(1), held(2));
        let lab = Lab::new(&[slow.address, next.address]);
        let client = lab.begin(&asked());
        until(|| slow.datagrams() == 1);
        lab.clock.pass(STAGGER);
        until(|| next.datagrams() == 1);
        let (server, address) = if first_answers {
            (&slow, "192.0.2.1")
        } else {
            (&next, "192.0.2.2")
        };
        server.release();
        assert_eq!(answers(&client.answer()), [address]);
    }
}

#[test]
fn a_lost_datagram_is_sent_again() {
    let losing = Server::bad(Fault::Loses([192, 0, 2, 1]));
    let lab = Lab::new(&[losing.address]);
    let client = lab.begin(&asked());
    until(|| losing.datagrams() == 1);
    lab.clock.pass(STAGGER);
    assert_eq!(answers(&client.answer()), ["192.0.2.1"]);
}

#[test]
fn a_lie_about_id_or_question_is_not_taken() {
    let lying = Server::bad(Fault::Lies([192, 0, 2, 1]));
    let lab = Lab::new(&[lying.address]);
    assert_eq!(answers(&lab.ask(&asked())), ["192.0.2.1"]);
    assert_eq!(answers(&lab.converse(&[new(1)])[0]), ["192.0.2.1"]);
}

#[test]
fn an_answer_too_long_for_a_datagram_is_fetched_over_tcp_and_sent_as_far_as_it_fits() {
    let addresses = (0..100).map(|host| [192, 0, 2, host]);
    let server = Server::of(Zone::of(addresses, 300));
    let lab = Lab::new(&[server.address]);
    let reply = lab.begin(&asked()).answer_bytes();
    let (length, reply) = (reply.len(), Message::from_vec(&reply).unwrap());
    assert!(
        length <= 512 && reply.truncation && !reply.answers.is_empty(),
        "{length}: {reply}"
    );
    assert_eq!((server.datagrams(), server.streams()), (1, 1));
    let reply = lab.ask(&edns_query("www.example.com.", RecordType::A, 4096));
    assert_eq!((reply.answers.len(), reply.truncation), (100, false));
    let reply = &lab.converse(&[asked()])[0];
    assert_eq!((reply.answers.len(), reply.truncation), (100, false));
}

#[test]
fn where_all_servers_fail_the_query_fails_before_the_client_asks_again() {
    let silent = Server::bad(Fault::Silent);
    let failing = Server::bad(Fault::Says(ResponseCode::ServFail));
    let lab = Lab::new(&[silent.address, failing.address]);
    let client = lab.begin(&asked());
    until(|| silent.datagrams() == 1);
    lab.clock.pass(STAGGER);
    until(|| failing.datagrams() == 1 && silent.datagrams() == 2);
    // glibc's clients ask again after 5 s
    lab.clock.pass(Duration::from_secs(5) - STAGGER - TICK);
    let reply = client.answer();
    assert_eq!(reply.response_code, ResponseCode::ServFail);
    assert_eq!((reply.queries, failing.datagrams()), (asked().queries, 1));
}

#[test]
fn without_servers_a_query_fails_at_once() {
    let reply = Lab::new(&[]).ask(&asked());
    assert_eq!(reply.response_code, ResponseCode::ServFail);
}
