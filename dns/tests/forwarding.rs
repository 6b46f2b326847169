//! A resolver and the real servers it forwards to, the good ones and the bad.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod lab;

use std::time::{Duration, Instant};

use hickory_proto::op::{Message, ResponseCode};
use hickory_proto::rr::RecordType;
use lab::resolver::Lab;
use lab::upstream::{Manner, Server};
use lab::{answers, edns_query, query, sockets};

fn asked() -> Message {
    query("www.example.com.", RecordType::A)
}

/// A question that was not asked before, so that no answer to it is kept.
fn new(number: usize) -> Message {
    query(&format!("wWw{number}.example.com."), RecordType::A)
}

#[track_caller]
fn assert_takes(range: std::ops::Range<u64>, asked: impl FnOnce() -> Message) -> Message {
    let begun = Instant::now();
    let reply = asked();
    let took = begun.elapsed();
    let range = Duration::from_millis(range.start)..Duration::from_millis(range.end);
    assert!(range.contains(&took), "{took:?}");
    reply
}

#[test]
fn a_name_that_is_not_known_is_asked_of_the_first_server_under_an_id_of_our_own() {
    let first = Server::start(Manner::Answers([192, 0, 2, 1]));
    let second = Server::start(Manner::Answers([192, 0, 2, 2]));
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
    let server = Server::start(Manner::Answers([192, 0, 2, 1]));
    let lab = Lab::new(&[server.address]);
    assert_eq!(answers(&lab.converse(&[asked()])[0]), ["192.0.2.1"]);
    assert_eq!((server.datagrams(), server.streams()), (0, 1));
}

#[test]
fn a_server_that_declines_or_is_not_there_is_passed_over_at_once() {
    let (gone, ..) = sockets();
    let failing = Server::start(Manner::Says(ResponseCode::ServFail));
    let refusing = Server::start(Manner::Says(ResponseCode::Refused));
    let good = Server::start(Manner::Answers([192, 0, 2, 3]));
    for bad in [gone, failing.address, refusing.address] {
        let lab = Lab::new(&[bad, good.address]);
        let reply = assert_takes(0..900, || lab.ask(&asked()));
        assert_eq!(answers(&reply), ["192.0.2.3"]);
        let reply = assert_takes(0..900, || lab.converse(&[new(1)]).remove(0));
        assert_eq!(answers(&reply), ["192.0.2.3"]);
    }
}

#[test]
fn that_there_is_no_such_name_is_an_answer() {
    let denying = Server::start(Manner::Says(ResponseCode::NXDomain));
    let knowing = Server::start(Manner::Answers([192, 0, 2, 3]));
    let lab = Lab::new(&[denying.address, knowing.address]);
    assert_eq!(lab.ask(&asked()).response_code, ResponseCode::NXDomain);
    assert_eq!(knowing.datagrams(), 0);
}

#[test]
fn a_silent_server_costs_a_second_once_and_is_asked_last_then() {
    let silent = Server::start(Manner::Silent);
    let good = Server::start(Manner::Answers([192, 0, 2, 2]));
    let lab = Lab::new(&[silent.address, good.address]);
    let reply = assert_takes(900..2_500, || lab.ask(&asked()));
    assert_eq!(answers(&reply), ["192.0.2.2"]);
    assert_takes(0..500, || lab.ask(&new(1)));
    assert_eq!(silent.datagrams(), 1);
}

#[test]
fn a_slow_server_is_believed_before_one_that_was_asked_later_and_is_slower() {
    let slow = Server::start(Manner::Slow(Duration::from_millis(1_200), [192, 0, 2, 1]));
    let slower = Server::start(Manner::Slow(Duration::from_millis(1_500), [192, 0, 2, 2]));
    let lab = Lab::new(&[slow.address, slower.address]);
    let reply = assert_takes(1_100..2_300, || lab.ask(&asked()));
    assert_eq!(answers(&reply), ["192.0.2.1"]);
}

#[test]
fn a_lost_datagram_is_sent_again() {
    let losing = Server::start(Manner::Loses([192, 0, 2, 1]));
    let lab = Lab::new(&[losing.address]);
    let reply = assert_takes(900..3_000, || lab.ask(&asked()));
    assert_eq!(answers(&reply), ["192.0.2.1"]);
}

#[test]
fn a_lie_about_id_or_question_is_not_taken() {
    let lying = Server::start(Manner::Lies([192, 0, 2, 1]));
    let lab = Lab::new(&[lying.address]);
    assert_eq!(answers(&lab.ask(&asked())), ["192.0.2.1"]);
    assert_eq!(answers(&lab.converse(&[new(1)])[0]), ["192.0.2.1"]);
}

#[test]
fn an_answer_too_long_for_a_datagram_is_fetched_over_tcp_and_sent_as_far_as_it_fits() {
    let server = Server::start(Manner::Truncates(100));
    let lab = Lab::new(&[server.address]);
    let reply = lab.ask_bytes(&asked());
    let (length, reply) = (reply.len(), Message::from_vec(&reply).unwrap());
    assert!(
        length <= 512 && reply.truncation && !reply.answers.is_empty(),
        "{length}: {reply}"
    );
    let reply = lab.ask(&edns_query("www.example.com.", RecordType::A, 4096));
    assert_eq!((reply.answers.len(), reply.truncation), (100, false));
    let reply = &lab.converse(&[asked()])[0];
    assert_eq!((reply.answers.len(), reply.truncation), (100, false));
}

#[test]
fn where_all_servers_fail_the_query_fails_before_the_client_asks_again() {
    let silent = Server::start(Manner::Silent);
    let failing = Server::start(Manner::Says(ResponseCode::ServFail));
    let lab = Lab::new(&[silent.address, failing.address]);
    let reply = assert_takes(3_000..5_000, || lab.ask(&asked()));
    assert_eq!(reply.response_code, ResponseCode::ServFail);
    assert_eq!((reply.queries, failing.datagrams()), (asked().queries, 1));
    let none = Lab::new(&[]);
    let reply = assert_takes(0..500, || none.ask(&asked()));
    assert_eq!(reply.response_code, ResponseCode::ServFail);
}

#[test]
fn more_queries_under_way_than_can_be_held_are_refused_and_names_still_answered() {
    let silent = Server::start(Manner::Silent);
    let lab = Lab::new(&[silent.address]);
    let client = lab.client();
    for number in 0..1_100 {
        client.send(&new(number).to_vec().unwrap()).unwrap();
        if number % 50 == 0 {
            // So that the queries do not overflow the socket's buffer.
            std::thread::sleep(Duration::from_millis(20));
        }
    }
    assert_eq!(
        answers(&lab.ask(&query("web.", RecordType::A))),
        ["10.0.0.2"]
    );
    client
        .set_read_timeout(Some(Duration::from_millis(500)))
        .unwrap();
    let mut reply = [0; 512];
    let mut refused = 0;
    while let Ok(length) = client.recv(&mut reply) {
        let reply = Message::from_vec(&reply[..length]).unwrap();
        assert_eq!(reply.response_code, ResponseCode::Refused);
        refused += 1;
    }
    assert_eq!(refused, 1_100 - 1_024);
}
