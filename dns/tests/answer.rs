//! What a sandbox is answered, and what is left to its servers.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod lab;

use hickory_proto::op::{Message, MessageType, OpCode, ResponseCode};
use hickory_proto::rr::{DNSClass, Name, RecordType};
use lab::{SANDBOX, answers, directory, edns_query, query};
use rnet_dns::{Answer, Directory, Forwarding, LOCAL_TTL_SECONDS, Transport, answer};

fn names() -> Directory {
    directory(
        Forwarding::default(),
        &[
            (&["Web", "www", "c0ffee"], &["172.25.100.2", "fd00::2"]),
            (&["db"], &["172.25.100.3"]),
            (&["zero"], &["172.26.0.0"]),
            (&["worker-1", "worker"], &["172.25.100.4"]),
            (&["worker-2", "worker"], &["172.25.100.5"]),
        ],
    )
}

fn ask(directory: &Directory, message: &Message, transport: Transport, turn: u32) -> Answer {
    answer(
        directory,
        SANDBOX,
        &message.to_vec().unwrap(),
        transport,
        turn,
    )
}

#[track_caller]
fn local(message: &Message) -> Message {
    match ask(&names(), message, Transport::Udp, 0) {
        Answer::Local(bytes) => Message::from_vec(&bytes).unwrap(),
        other => panic!("{other:?}"),
    }
}

#[track_caller]
fn assert_forwarded(message: &Message) {
    let forwarded = ask(&names(), message, Transport::Udp, 0);
    assert!(matches!(forwarded, Answer::Forward(_)), "{forwarded:?}");
}

#[track_caller]
fn assert_no_data(message: &Message) {
    let reply = local(message);
    assert_eq!(
        (reply.response_code, reply.answers.len()),
        (ResponseCode::NoError, 0)
    );
    let [soa] = &reply.authorities[..] else {
        panic!("{reply}")
    };
    assert_eq!(soa.record_type(), RecordType::SOA);
    assert_eq!(
        (&soa.name, soa.ttl),
        (message.queries[0].name(), LOCAL_TTL_SECONDS)
    );
}

#[test]
fn a_name_has_its_addresses_and_its_answer_the_right_bits_and_the_question_as_it_came() {
    let asked = query("wEB.mYnet.", RecordType::A);
    let reply = local(&asked);
    assert_eq!(answers(&reply), ["172.25.100.2"]);
    assert_eq!(
        (reply.id, reply.message_type),
        (asked.id, MessageType::Response)
    );
    assert!(reply.authoritative && reply.recursion_available && reply.recursion_desired);
    assert!(!reply.truncation && !reply.authentic_data && reply.edns.is_none());
    assert_eq!(reply.queries[0].name().to_string(), "wEB.mYnet.");
    assert_eq!(reply.answers[0].ttl, LOCAL_TTL_SECONDS);
    assert_eq!(
        answers(&local(&query("web.", RecordType::AAAA))),
        ["fd00::2"]
    );
    assert_eq!(
        answers(&local(&query("web.", RecordType::ANY))),
        ["172.25.100.2", "fd00::2"]
    );
}

#[test]
fn recursion_that_was_not_desired_is_not_said_to_be() {
    let mut asked = query("web.", RecordType::A);
    asked.metadata.recursion_desired = false;
    asked.metadata.checking_disabled = true;
    let reply = local(&asked);
    assert!(!reply.recursion_desired && reply.checking_disabled);
}

#[test]
fn a_known_name_without_such_records_is_not_denied() {
    assert_no_data(&query("db.", RecordType::AAAA));
    assert_no_data(&query("Web.mynet.", RecordType::MX));
    assert_no_data(&query("web.", RecordType::HTTPS));
    assert_no_data(&query("web.", RecordType::TXT));
    assert_no_data(&query("web.", RecordType::PTR));
}

#[test]
fn what_is_not_known_here_is_forwarded() {
    for name in [
        ".",
        "mynet.",
        "example.com.",
        "x.web.",
        "web.mynet.example.com.",
    ] {
        assert_forwarded(&query(name, RecordType::A));
    }
    let mut dotted = query("web.mynet.", RecordType::A);
    let label: &[u8] = b"web.mynet";
    dotted.queries[0].set_name(Name::from_labels([label]).unwrap());
    assert_forwarded(&dotted);
    let mut chaos = query("web.", RecordType::A);
    chaos.queries[0].set_query_class(DNSClass::CH);
    assert_forwarded(&chaos);
}

#[test]
fn an_address_leads_back_to_a_name_with_its_network() {
    let v4 = local(&query("2.100.25.172.in-addr.ARPA.", RecordType::PTR));
    assert_eq!(answers(&v4), ["Web.mynet."]);
    let zeros = "0.".repeat(27);
    let v6 = local(&query(
        &format!("2.{zeros}0.0.d.f.ip6.arpa."),
        RecordType::PTR,
    ));
    assert_eq!(answers(&v6), ["Web.mynet."]);
    for name in [
        "9.100.25.172.in-addr.arpa.",
        "100.25.172.in-addr.arpa.",
        "26.172.in-addr.arpa.",
        "7.2.100.25.172.in-addr.arpa.",
        "256.100.25.172.in-addr.arpa.",
        "in-addr.arpa.",
        "f.ip6.arpa.",
        "g.ip6.arpa.",
    ] {
        assert_forwarded(&query(name, RecordType::PTR));
    }
}

#[test]
fn a_port_that_is_served_is_a_service_and_brings_the_addresses_of_all_who_serve_it() {
    let reply = local(&query("_80._TCP.worker.mynet.", RecordType::SRV));
    assert_eq!(answers(&reply), ["0 0 80 worker.mynet."]);
    let more: Vec<_> = reply.additionals.iter().map(|it| it.to_string()).collect();
    assert_eq!(
        more,
        [
            "worker.mynet. 10 IN A 172.25.100.4",
            "worker.mynet. 10 IN A 172.25.100.5"
        ]
    );
    for unserved in ["_81._tcp.web.", "_80._udp.web.", "_http._tcp.web."] {
        assert_no_data(&query(unserved, RecordType::SRV));
    }
    assert_forwarded(&query("_80._tcp.example.com.", RecordType::SRV));
    assert_forwarded(&query("_sip._tcp.example.com.", RecordType::SRV));
}

#[test]
fn several_addresses_take_turns_in_coming_first() {
    let first = |turn| match ask(
        &names(),
        &query("worker.", RecordType::A),
        Transport::Udp,
        turn,
    ) {
        Answer::Local(bytes) => answers(&Message::from_vec(&bytes).unwrap()),
        other => panic!("{other:?}"),
    };
    assert_eq!(first(0), ["172.25.100.4", "172.25.100.5"]);
    assert_eq!(first(1), ["172.25.100.5", "172.25.100.4"]);
}

#[test]
fn what_is_no_query_is_refused_in_the_way_that_fits_it() {
    let mut notify = query("web.", RecordType::A);
    notify.metadata.op_code = OpCode::Notify;
    assert_eq!(local(&notify).response_code, ResponseCode::NotImp);
    assert_eq!(local(&notify).op_code, OpCode::Notify);

    let mut two = query("web.", RecordType::A);
    two.add_query(two.queries[0].clone());
    assert_eq!(local(&two).response_code, ResponseCode::FormErr);
    let mut none = query("web.", RecordType::A);
    none.queries.clear();
    assert_eq!(local(&none).response_code, ResponseCode::FormErr);

    let mut future = edns_query("web.", RecordType::A, 1232);
    future.edns.as_mut().unwrap().set_version(1);
    let reply = local(&future);
    // 16 is BADSIG as well, in TSIG records.
    assert_eq!(u16::from(reply.response_code), 16);
    assert_eq!(reply.edns.unwrap().version(), 0);
    assert!(reply.answers.is_empty());

    let silent = |bytes: &[u8]| answer(&names(), SANDBOX, bytes, Transport::Udp, 0);
    assert!(matches!(silent(b""), Answer::Ignore));
    assert!(matches!(silent(&[0; 11]), Answer::Ignore));
    let response = query("web.", RecordType::A)
        .into_response()
        .to_vec()
        .unwrap();
    assert!(
        matches!(silent(&response), Answer::Ignore),
        "an answer must never be answered"
    );
    let cut = &query("web.", RecordType::A).to_vec().unwrap()[..14];
    let Answer::Local(reply) = silent(cut) else {
        panic!()
    };
    assert_eq!(reply[..2], cut[..2]);
}

#[test]
fn a_datagram_holds_what_the_client_takes_and_a_stream_holds_all() {
    let addresses: Vec<_> = (0..100).map(|host| format!("172.25.100.{host}")).collect();
    let addresses: Vec<_> = addresses.iter().map(String::as_str).collect();
    let many = directory(Forwarding::default(), &[(&["many"], &addresses)]);
    let reply = |asked: &Message, transport| match ask(&many, asked, transport, 0) {
        Answer::Local(bytes) => (bytes.len(), Message::from_vec(&bytes).unwrap()),
        other => panic!("{other:?}"),
    };
    let plain = query("many.", RecordType::A);
    // Header and question take 22 bytes, each record 16, the OPT record 11.
    let (length, short) = reply(&plain, Transport::Udp);
    assert_eq!(
        (length, short.answers.len(), short.truncation),
        (502, 30, true)
    );
    let (length, longer) = reply(&edns_query("many.", RecordType::A, 1232), Transport::Udp);
    assert_eq!(
        (length, longer.answers.len(), longer.truncation),
        (1217, 74, true)
    );
    assert_eq!(longer.edns.unwrap().max_payload(), 1232);
    let (_, tiny) = reply(&edns_query("many.", RecordType::A, 100), Transport::Udp);
    assert_eq!((tiny.answers.len(), tiny.truncation), (29, true));
    let (_, enough) = reply(&edns_query("many.", RecordType::A, 4096), Transport::Udp);
    assert_eq!((enough.answers.len(), enough.truncation), (100, false));
    let (_, whole) = reply(&plain, Transport::Tcp);
    assert_eq!((whole.answers.len(), whole.truncation), (100, false));
}

#[test]
fn an_answer_has_edns_and_the_dnssec_bit_only_if_the_query_has_them() {
    let mut asked = edns_query("web.", RecordType::A, 1232);
    assert!(!local(&asked).edns.unwrap().flags().dnssec_ok);
    asked.edns.as_mut().unwrap().set_dnssec_ok(true);
    assert!(local(&asked).edns.unwrap().flags().dnssec_ok);
}
