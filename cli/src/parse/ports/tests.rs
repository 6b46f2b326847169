//! Every way to write ports, and what is refused.

use super::*;

fn published(text: &str) -> Vec<(String, String, String)> {
    let publish: Publish = text.parse().unwrap();
    publish
        .bindings()
        .map(|(name, binding)| (name, binding.host_ip.unwrap(), binding.host_port.unwrap()))
        .collect()
}

fn one(name: &str, host: &str, port: &str) -> Vec<(String, String, String)> {
    vec![(name.into(), host.into(), port.into())]
}

#[test]
fn every_short_form_is_understood() {
    assert_eq!(published("80"), one("80/tcp", "", ""));
    assert_eq!(published("8080:80"), one("80/tcp", "", "8080"));
    assert_eq!(published("53:53/udp"), one("53/udp", "", "53"));
    assert_eq!(
        published("127.0.0.1:8080:80"),
        one("80/tcp", "127.0.0.1", "8080")
    );
    assert_eq!(
        published("127.0.0.1::80/sctp"),
        one("80/sctp", "127.0.0.1", "")
    );
    assert_eq!(published("[::1]:5000:5000"), one("5000/tcp", "::1", "5000"));
    assert_eq!(published("8000-8010:80"), one("80/tcp", "", "8000-8010"));
}

#[test]
fn the_long_form_is_understood() {
    assert_eq!(
        published("published=8080,target=80,protocol=udp"),
        one("80/udp", "", "8080")
    );
    assert!("published=8080".parse::<Publish>().is_err());
    assert!("target=80,mode=host".parse::<Publish>().is_err());
}

#[test]
fn equal_ranges_are_published_pair_by_pair() {
    let pairs = published("8000-8002:80-82");
    let expected: Vec<_> = [("80/tcp", "8000"), ("81/tcp", "8001"), ("82/tcp", "8002")]
        .map(|(name, port)| (name.to_owned(), String::new(), port.to_owned()))
        .into();
    assert_eq!(pairs, expected);
}

#[test]
fn two_publishes_of_one_port_are_both_kept() {
    let publishes = ["8080:80", "127.0.0.1:81:80"].map(|text| text.parse().unwrap());
    assert_eq!(bindings(&publishes)["80/tcp"].as_ref().unwrap().len(), 2);
}

#[test]
fn the_clients_it_is_for_become_a_label_that_names_the_ports() {
    for (text, label, clients) in [
        (
            "8080:80,from=10.0.0.0/8,from=2001:db8::/32",
            "rnet.from.8080:80/tcp",
            "10.0.0.0/8,2001:db8::/32",
        ),
        ("80,from=192.0.2.7", "rnet.from.80/tcp", "192.0.2.7/32"),
        (
            "[::1]:5000-5001:50-51/udp,from=::1",
            "rnet.from.[::1]:5000-5001:50-51/udp",
            "::1/128",
        ),
        (
            "127.0.0.1::80,from=127.0.0.1",
            "rnet.from.127.0.0.1::80/tcp",
            "127.0.0.1/32",
        ),
        (
            "published=8080,target=80,from=10.0.0.0/8",
            "rnet.from.8080:80/tcp",
            "10.0.0.0/8",
        ),
    ] {
        let publish = text.parse().unwrap();
        assert_eq!(
            labels(&[publish]),
            [(label.to_owned(), clients.to_owned())].into()
        );
    }
    assert!(labels(&["8080:80".parse().unwrap()]).is_empty());
    let twice = ["80,from=10.0.0.0/8", "80,from=fd00::/8"].map(|text| text.parse().unwrap());
    assert_eq!(labels(&twice)["rnet.from.80/tcp"], "10.0.0.0/8,fd00::/8");
}

#[test]
fn nonsense_is_refused_with_a_reason() {
    for (text, reason) in [
        ("", "no container port"),
        ("8080:", "no container port"),
        ("http:80", "\"http\" is not a port"),
        ("0:80", "\"0\" is not a port"),
        ("70000:80", "\"70000\" is not a port"),
        ("82-80:80", "runs backwards"),
        (
            "8000-8001:80-82",
            "2 host ports cannot stand for 3 container ports",
        ),
        ("80/icmp", "invalid protocol"),
        ("localhost:80:80", "\"localhost\" is not an IP address"),
        ("127.0.0.1:80", "no host port: write 127.0.0.1:HOST_PORT:80"),
        ("::1:80:80", "write the IPv6 address in brackets"),
        ("8080:80,from=lan", "\"lan\" is no address prefix"),
        ("8080:80,to=10.0.0.0/8", "\"8080:80\" is none of"),
    ] {
        let refused = text.parse::<Publish>().unwrap_err().to_string();
        assert!(refused.contains(reason), "{text}: {refused}");
    }
}
