//! What is kept of servers' answers, for whom, and how it is told.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod lab;

use std::net::SocketAddr;
use std::time::Duration;

use hickory_proto::op::{Message, ResponseCode};
use hickory_proto::rr::RecordType;
use lab::authority::Zone;
use lab::client::Client;
use lab::clock::until;
use lab::faults::Fault;
use lab::resolver::Lab;
use lab::server::Server;
use lab::{answers, edns_query, query};
use rnet_model::{Place, SandboxId};

const SECOND: Duration = Duration::from_secs(1);
const OTHER: SandboxId = SandboxId::from_bytes([8; 32]);

fn asked() -> Message {
    query("www.example.com.", RecordType::A)
}

fn ask_at(resolver: SocketAddr) -> Message {
    let client = Client::of(resolver);
    client.send(&asked());
    client.answer()
}

#[test]
fn an_answer_is_kept_and_told_to_each_client_in_its_own_way() {
    let server = Server::with([192, 0, 2, 1]);
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
    assert_eq!(told.answers[0].name, *told.queries[0].name());
    assert_eq!(told.edns.unwrap().max_payload(), 1232);
    assert!(told.answers[0].ttl <= 300);
    assert_eq!(answers(&lab.converse(&[asked()])[0]), ["192.0.2.1"]);
    assert_eq!((server.datagrams(), server.streams()), (1, 0));
}

#[test]
fn what_may_have_another_answer_is_another_question() {
    let server = Server::with([192, 0, 2, 1]);
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
    let server = Server::with([192, 0, 2, 1]);
    let lab = Lab::new(&[server.address]);
    lab.ask(&asked());
    let sharing = lab.also(OTHER, Place::Host, &[server.address]);
    ask_at(sharing);
    assert_eq!(server.datagrams(), 1);
    let inside = Place::Sandbox(OTHER);
    let apart = lab.also(OTHER, inside, &[server.address]);
    ask_at(apart);
    assert_eq!(server.datagrams(), 2);
}

#[test]
fn an_answer_is_kept_as_long_as_it_lives_with_the_time_that_is_left() {
    let server = Server::of(Zone::of([[192, 0, 2, 1]], 20));
    let lab = Lab::new(&[server.address]);
    let ttl = || lab.ask(&asked()).answers[0].ttl;
    assert_eq!(ttl(), 20);
    lab.clock.pass(15 * SECOND);
    assert_eq!((ttl(), server.datagrams()), (5, 1));
    lab.clock.pass(5 * SECOND);
    assert_eq!((ttl(), server.datagrams()), (20, 2));
}

#[test]
fn what_nobody_said_for_how_long_to_believe_is_asked_each_time() {
    for (server, times) in [
        (Server::of(Zone::empty(60)), 1),
        (Server::of(Zone::empty(0)), 3),
        (Server::bad(Fault::DeniesBarely), 3),
        (Server::of(Zone::of([[192, 0, 2, 1]], 0)), 3),
        (Server::bad(Fault::LivesNever([192, 0, 2, 1])), 3),
    ] {
        let lab = Lab::new(&[server.address]);
        let codes: Vec<_> = (0..3).map(|_| lab.ask(&asked()).response_code).collect();
        assert!(codes.iter().all(|code| *code == codes[0]), "{codes:?}");
        assert_eq!(server.datagrams(), times, "{codes:?}");
    }
}

#[test]
fn servers_that_failed_are_left_alone_for_a_second_then_for_two() {
    let failing = Server::bad(Fault::Says(ResponseCode::ServFail));
    let refusing = Server::bad(Fault::Says(ResponseCode::Refused));
    let lab = Lab::new(&[failing.address, refusing.address]);
    let times = || {
        let over_udp = lab.ask(&asked());
        let over_tcp = lab.converse(&[asked()]).remove(0);
        for reply in [over_udp, over_tcp] {
            assert_eq!(reply.response_code, ResponseCode::ServFail);
        }
        assert_eq!(failing.datagrams(), refusing.datagrams());
        failing.datagrams() + failing.streams()
    };
    assert_eq!([times(), times()], [1, 1]);
    lab.clock.pass(SECOND);
    assert_eq!(times(), 2);
    lab.clock.pass(SECOND);
    assert_eq!(times(), 2);
    lab.clock.pass(SECOND);
    assert_eq!(times(), 3);
}

#[test]
fn an_error_that_is_an_answer_is_kept_for_a_second() {
    let server = Server::bad(Fault::Says(ResponseCode::FormErr));
    let lab = Lab::new(&[server.address]);
    let asks = || {
        assert_eq!(lab.ask(&asked()).response_code, ResponseCode::FormErr);
        server.datagrams()
    };
    // with EDNS and without
    assert_eq!([asks(), asks()], [2, 2]);
    lab.clock.pass(SECOND);
    assert_eq!(asks(), 4);
}

#[test]
fn what_many_ask_at_once_is_asked_once() {
    let server = Server::held(Zone::of([[192, 0, 2, 1]], 300));
    let lab = Lab::new(&[server.address]);
    let clients: Vec<_> = (0..50).map(|_| lab.begin(&asked())).collect();
    // this came after them, so they are all under way
    lab.ask(&query("web.", RecordType::A));
    until(|| server.datagrams() == 1);
    server.release();
    for client in &clients {
        assert_eq!(answers(&client.answer()), ["192.0.2.1"]);
    }
    assert_eq!(server.datagrams(), 1);
}

#[test]
fn a_sandbox_that_ends_takes_no_answer_of_another_with_it() {
    let server = Server::bad(Fault::Loses([192, 0, 2, 1]));
    let lab = Lab::new(&[]);
    let first = lab.also(OTHER, Place::Host, &[server.address]);
    let third = SandboxId::from_bytes([7; 32]);
    let second = lab.also(third, Place::Host, &[server.address]);
    let leader = Client::of(first);
    leader.send(&asked());
    // the first query is on its way, and its answer lost
    until(|| server.datagrams() == 1);
    let follower = Client::of(second);
    follower.send(&asked());
    lab.resolver.stop(OTHER);
    assert_eq!(answers(&follower.answer()), ["192.0.2.1"]);
}

#[test]
fn a_server_that_knows_no_edns_is_asked_without() {
    let server = Server::bad(Fault::KnowsNoEdns([192, 0, 2, 1]));
    let lab = Lab::new(&[server.address]);
    assert_eq!(answers(&lab.ask(&asked())), ["192.0.2.1"]);
    assert_eq!(server.datagrams(), 2);
    assert_eq!(Message::from_vec(&server.last()).unwrap().edns, None);
}
