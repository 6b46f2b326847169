//! The fake keeps its promises.

use rnet_model::{Bridge, MacAddress, Object, Resource, SandboxId, Veth, VethPeer};

use super::FakeKernel;
use crate::{Host, Kernel, KernelError, Owned};

const SANDBOX: SandboxId = SandboxId::from_bytes([1; 32]);
const MAC: MacAddress = MacAddress::local([2; 6]);

fn inside(object: Object) -> Resource {
    Resource::sandbox(SANDBOX, object)
}

fn address(link: &str, cidr: &str) -> Object {
    Object::Address {
        link: link.parse().unwrap(),
        cidr: cidr.parse().unwrap(),
    }
}

fn endpoint() -> Vec<Resource> {
    let name = |name: &str| name.parse().unwrap();
    let bridge = Bridge {
        name: name("br0"),
        mac: MAC,
        mtu: None,
    };
    let peer = VethPeer {
        sandbox: Some(SANDBOX),
        name: name("eth0"),
        mac: MAC,
    };
    let veth = Veth {
        name: name("veth0"),
        bridge: name("br0"),
        isolated: false,
        hairpin: false,
        mtu: None,
        peer,
    };
    let route = Object::Route {
        destination: "0.0.0.0/0".parse().unwrap(),
        gateway: Some("10.0.0.1".parse().unwrap()),
        link: name("eth0"),
    };
    let sysctl = Object::Sysctl {
        key: "net/ipv6/conf/eth0/disable_ipv6".to_owned(),
        value: "1".to_owned(),
    };
    vec![
        Resource::host(Object::Bridge(bridge)),
        Resource::host(address("br0", "10.0.0.1/24")),
        Resource::host(Object::Namespace(SANDBOX)),
        Resource::host(Object::Veth(veth)),
        inside(sysctl),
        inside(address("eth0", "10.0.0.2/24")),
        inside(Object::Up(name("eth0"))),
        inside(route),
    ]
}

#[test]
fn what_is_made_twice_exists_once_and_is_gone_when_it_is_removed() {
    let fake = FakeKernel::new();
    let endpoint = endpoint();
    fake.ensure_all(&endpoint).unwrap();
    fake.ensure_all(&endpoint).unwrap();
    assert_eq!(
        fake.resources().len(),
        endpoint.len() - 1,
        "all but the sysctl"
    );
    assert_eq!(fake.owned().unwrap().len(), 3);
    assert!(fake.remove_all(&endpoint).is_empty());
    assert!(fake.remove_all(&endpoint).is_empty());
    assert_eq!(fake.resources(), []);
}

#[test]
fn what_needs_another_thing_is_refused_before_that_is_there() {
    let endpoint = endpoint();
    for missing in [0, 2, 3, 5, 6] {
        let fake = FakeKernel::new();
        let mut rest = endpoint.clone();
        rest.remove(missing);
        fake.ensure_all(&rest)
            .expect_err(&endpoint[missing].to_string());
    }
}

#[test]
fn one_step_fails_and_leaves_what_was_made() {
    let endpoint = endpoint();
    for n in 1..=endpoint.len() {
        let fake = FakeKernel::new();
        fake.fail_at(n);
        let error = fake.ensure_all(&endpoint).unwrap_err();
        let KernelError::Ensure { resource, .. } = error else {
            panic!("{error}")
        };
        assert_eq!(*resource, endpoint[n - 1]);
        assert_eq!(fake.steps(), n);
        assert!(fake.remove_all(&endpoint).is_empty(), "only one step fails");
        assert_eq!(fake.resources(), []);
    }
}

#[test]
fn a_removed_link_takes_along_what_is_on_both_ends() {
    let fake = FakeKernel::new();
    fake.ensure_all(&endpoint()).unwrap();
    fake.sweep(&[Owned::Link("veth0".parse().unwrap())]);
    let left: Vec<String> = fake.resources().iter().map(ToString::to_string).collect();
    assert_eq!(
        left,
        [
            "link add br0 up address 02:02:02:02:02:02 type bridge",
            "address add 10.0.0.1/24 dev br0",
            "netns add 010101010101"
        ]
    );
}

#[test]
fn foreign_links_and_occupied_ports_are_in_the_way() {
    let fake = FakeKernel::new();
    fake.add_foreign_link("br0".parse().unwrap());
    let error = fake.ensure_all(&endpoint()).unwrap_err();
    assert!(matches!(error, KernelError::Foreign { .. }), "{error}");

    let tcp = rnet_model::Protocol::Tcp;
    fake.occupy_port(tcp, "127.0.0.1:80".parse().unwrap());
    let hold = |port| fake.hold_ports(tcp, None, rnet_model::PortRange::one(port));
    let error = hold(80).unwrap_err();
    assert_eq!(
        error.to_string(),
        "failed to bind host port 0.0.0.0:80/tcp: address already in use"
    );
    let ports = [(); 2].map(|()| hold(0).unwrap().ports);
    assert_ne!(ports[0], ports[1]);
}
