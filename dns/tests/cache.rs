//! What is kept of servers' answers, for whom, and how it is told.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod lab;

use std::thread;
use std::time::Duration;

use hickory_proto::op::{Message, ResponseCode};
use hickory_proto::rr::RecordType;
use lab::resolver::{Lab, client};
use lab::upstream::{Manner, Server};
use lab::{answers, edns_query, query};
use rnet_model::{Place, SandboxId};

const OTHER: SandboxId = SandboxId::from_bytes([8; 32]);

fn asked() -> Message {
    query("www.example.com.", RecordType::A)
}

#[test]
fn an_answer_is_kept_and_told_to_each_client_in_its_own_way() {
    let server = Server::start(Manner::Answers([192, 0, 2, 1]));
    let lab = Lab::new(&[server.address]);
    let plain = lab.ask(&asked());
    assert_eq!(plain.edns, None, "EDNS is only for who speaks it");
    let other = edns_query("WWW.eXample.com.", RecordType::A, 4_096);
    let told = lab.ask(&other);
    assert_eq!(
        (told.id, answers(&told)),
        (other.id, vec!["192.0.2.1".to_owned()])
    );
    assert_eq!(told.queries[0].name().to_string(), "WWW.eXample.com.");
    assert_eq!(told.answers[0].name.to_string(), "WWW.eXample.com.");
    assert_eq!(told.edns.unwrap().max_payload(), 1232);
    assert!(told.answers[0].ttl <= 300);
    assert_eq!(answers(&lab.converse(&[asked()])[0]), ["192.0.2.1"]);
    assert_eq!((server.datagrams(), server.streams()), (1, 0));
}

#[test]
fn what_may_have_another_answer_is_another_question() {
    let server = Server::start(Manner::Answers([192, 0, 2, 1]));
    let lab = Lab::new(&[server.address]);
    let mut secure = edns_query("www.example.com.", RecordType::A, 1232);
    secure.edns.as_mut().unwrap().set_dnssec_ok(true);
    let mut unchecked = asked();
    unchecked.metadata.checking_disabled = true;
    let different = [
        asked(),
        secure,
        unchecked,
        query("www.example.org.", RecordType::A),
    ];
    for (number, question) in (1..).zip(&different) {
        let reply = lab.ask(question);
        assert_eq!(server.datagrams(), number, "{question}");
        let dnssec_ok = |it: &Message| it.edns.as_ref().is_some_and(|it| it.flags().dnssec_ok);
        assert_eq!(dnssec_ok(&reply), dnssec_ok(question));
        assert_eq!(reply.checking_disabled, question.checking_disabled);
    }
    for question in &different {
        lab.ask(question);
    }
    assert_eq!(server.datagrams(), different.len());
    let mut own = asked();
    own.metadata.recursion_desired = false;
    lab.ask(&own);
    lab.ask(&own);
    let left = server.datagrams() - different.len();
    assert_eq!(left, 2, "who desires no recursion is not told its results");
}

#[test]
fn sandboxes_share_what_the_same_servers_said_in_the_same_place() {
    let server = Server::start(Manner::Answers([192, 0, 2, 1]));
    let lab = Lab::new(&[server.address]);
    lab.ask(&asked());
    let sharing = lab.also(OTHER, Place::Host, &[server.address]);
    lab.ask_at(sharing, &asked());
    assert_eq!(server.datagrams(), 1);
    let inside = Place::Sandbox(OTHER);
    let apart = lab.also(OTHER, inside, &[server.address]);
    lab.ask_at(apart, &asked());
    assert_eq!(server.datagrams(), 2);
}

#[test]
fn that_there_is_no_such_name_is_kept_if_the_zone_says_for_how_long() {
    for (manner, times) in [
        (Manner::Denies(Some(60)), 1),
        (Manner::Denies(Some(0)), 3),
        (Manner::Denies(None), 3),
        (Manner::Lives(0, [192, 0, 2, 1]), 3),
        (Manner::Lives(1 << 31, [192, 0, 2, 1]), 3),
        (Manner::Says(ResponseCode::ServFail), 3),
    ] {
        let server = Server::start(manner);
        let lab = Lab::new(&[server.address]);
        let codes: Vec<_> = (0..3).map(|_| lab.ask(&asked()).response_code).collect();
        assert!(codes.iter().all(|code| *code == codes[0]), "{codes:?}");
        assert_eq!(server.datagrams(), times, "{manner:?}");
    }
}

#[test]
fn what_many_ask_at_once_is_asked_once() {
    let server = Server::start(Manner::Slow(Duration::from_millis(300), [192, 0, 2, 1]));
    let lab = Lab::new(&[server.address]);
    let clients: Vec<_> = (0..50).map(|_| lab.client()).collect();
    for client in &clients {
        client.send(&asked().to_vec().unwrap()).unwrap();
    }
    for client in &clients {
        let mut reply = [0; 512];
        let length = client.recv(&mut reply).unwrap();
        let reply = Message::from_vec(&reply[..length]).unwrap();
        assert_eq!(answers(&reply), ["192.0.2.1"]);
    }
    assert_eq!(server.datagrams(), 1);
}

#[test]
fn a_sandbox_that_ends_takes_no_answer_of_another_with_it() {
    let server = Server::start(Manner::Loses([192, 0, 2, 1]));
    let lab = Lab::new(&[]);
    let first = lab.also(OTHER, Place::Host, &[server.address]);
    let second = lab.also(
        SandboxId::from_bytes([7; 32]),
        Place::Host,
        &[server.address],
    );
    let leader = client(first);
    leader.send(&asked().to_vec().unwrap()).unwrap();
    // the first query is on its way, and its answer lost
    while server.datagrams() == 0 {
        thread::yield_now();
    }
    let follower = client(second);
    follower.send(&asked().to_vec().unwrap()).unwrap();
    lab.resolver.stop(OTHER);
    let mut reply = [0; 512];
    let length = follower.recv(&mut reply).unwrap();
    let reply = Message::from_vec(&reply[..length]).unwrap();
    assert_eq!(answers(&reply), ["192.0.2.1"]);
}

#[test]
fn a_server_that_knows_no_edns_is_asked_without() {
    let server = Server::start(Manner::KnowsNoEdns([192, 0, 2, 1]));
    let lab = Lab::new(&[server.address]);
    assert_eq!(answers(&lab.ask(&asked())), ["192.0.2.1"]);
    assert_eq!(server.datagrams(), 2);
    assert_eq!(Message::from_vec(&server.last()).unwrap().edns, None);
}
