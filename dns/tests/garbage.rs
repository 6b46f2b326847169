//! Whatever a container sends, the resolver neither panics nor answers more than was asked.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod lab;

use hickory_proto::rr::RecordType;
use lab::{SANDBOX, directory, edns_query};
use proptest::prelude::*;
use rnet_dns::{Answer, Forwarding, ResolvConf, Transport, answer};

fn assert_is_survived(bytes: &[u8]) {
    let names = directory(
        Forwarding::default(),
        &[(&["web"], &["10.0.0.2", "fd00::2"])],
    );
    for transport in [Transport::Udp, Transport::Tcp] {
        match answer(&names, SANDBOX, bytes, transport, 7) {
            Answer::Local(reply) => {
                assert_eq!(reply[..2], bytes[..2], "the id is not the query's");
                assert_eq!(reply[2] & 0x80, 0x80, "the reply is no response");
                assert!(transport == Transport::Tcp || reply.len() <= 512 || bytes.len() > 12);
            }
            Answer::Forward(_) => assert!(bytes.len() > 12),
            Answer::Ignore => assert!(bytes.len() < 12 || bytes[2] & 0x80 == 0x80),
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_are_survived(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
        assert_is_survived(&bytes);
    }

    #[test]
    fn a_damaged_query_is_survived(
        damage in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6),
        length in any::<prop::sample::Index>(),
        name in "(web|2\\.0\\.0\\.10\\.in-addr\\.arpa|[a-z.]{0,40}[a-z])",
        kind in any::<u16>(),
    ) {
        prop_assume!(!name.starts_with('.') && !name.contains(".."));
        let query = edns_query(&format!("{name}."), RecordType::from(kind), 1400);
        let mut bytes = query.to_vec().unwrap();
        assert_is_survived(&bytes);
        for (place, byte) in damage {
            let place = place.index(bytes.len());
            bytes[place] = byte;
        }
        assert_is_survived(&bytes);
        bytes.truncate(length.index(bytes.len()));
        assert_is_survived(&bytes);
    }

    #[test]
    fn any_text_is_read_as_a_resolv_conf(text in "(nameserver|search|options|[ %\\n:.#a-f0-9]|\\PC)*") {
        ResolvConf::parse(&text);
    }
}
