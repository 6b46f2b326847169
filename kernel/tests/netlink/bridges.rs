//! Bridges of others that are used as they are, and bridges joined to each other.

use rnet_kernel::{Host, Kernel, KernelError, Owned};
use rnet_model::{
    Adopted, Cidr, IfName, Object, Patch, PatchEnd, Resource, SandboxId, Veth, VethPeer,
};

use crate::lab::{Lab, address, bridge, lab, mac, name, sandbox, up};

fn adopted(link: &str, addresses: &[&str]) -> Resource {
    let cidr = |text: &&str| text.parse::<Cidr>().unwrap();
    Resource::host(Object::Adopted(Adopted {
        name: name(link),
        mtu: 1500.try_into().unwrap(),
        addresses: addresses.iter().map(cidr).collect(),
    }))
}

#[test]
fn an_adopted_bridge_is_given_addresses_and_loses_nothing_else() {
    lab(|lab| {
        lab.ip("link add br0 up type bridge");
        lab.ip("address add 10.1.0.1/16 dev br0");
        // its own IPv6 address settles in its own time
        let before = lab.ip("-4 address show");
        let resource = [adopted("br0", &["10.2.0.1/16", "fd10::1/64"])];
        for _ in 0..2 {
            lab.ensure(&resource);
        }
        let all = lab.ip("address show dev br0");
        for cidr in ["10.1.0.1/16", "10.2.0.1/16", "fd10::1/64"] {
            assert!(all.contains(cidr), "{all}");
        }
        assert!(lab.kernel.owned().unwrap().is_empty());
        for _ in 0..2 {
            lab.remove(&resource);
        }
        assert_eq!(lab.ip("-4 address show"), before);
    });
}

#[test]
fn what_is_no_bridge_and_what_is_gone_is_not_adopted() {
    lab(|lab| {
        lab.ip("link add veth2 type veth peer name peer2");
        let refusal = |link: &str| lab.kernel.ensure_all(&[adopted(link, &[])]).unwrap_err();
        assert_eq!(
            refusal("veth2").to_string(),
            "interface veth2 is no bridge: name a bridge, or a name that no interface has"
        );
        assert!(matches!(refusal("br0"), KernelError::NoLink { .. }));
        assert!(lab.kernel.foreign_bridge(&name("veth2")).is_err());
        assert_eq!(lab.kernel.foreign_bridge(&name("br0")).unwrap(), None);
    });
}

#[test]
fn a_foreign_bridge_tells_its_addresses_and_one_of_rnets_is_none() {
    lab(|lab| {
        lab.bridge();
        assert_eq!(lab.kernel.foreign_bridge(&name("br0")).unwrap(), None);
        lab.ip("link add br1 mtu 1400 up type bridge");
        lab.ip("address add 10.2.0.1/16 dev br1");
        let bridge = lab.kernel.foreign_bridge(&name("br1")).unwrap().unwrap();
        assert_eq!(bridge.addresses, ["10.2.0.1/16".parse::<Cidr>().unwrap()]);
        assert_eq!(u32::from(bridge.mtu), 1400);
    });
}

/// Bridges `br0` and `br1`, joined; isolated ports of one may reach none of the other.
fn joined(lab: &Lab) -> Vec<Resource> {
    let end = |link: &str, of: &str, isolated| PatchEnd {
        name: name(link),
        bridge: name(of),
        isolated,
    };
    let patch = Patch {
        near: end("near", "br0", true),
        far: end("far", "br1", false),
        mtu: None,
    };
    let resources = vec![
        bridge("br0", mac(1)),
        Resource::host(address("br0", "10.1.0.1/16")),
        bridge("br1", mac(2)),
        Resource::host(Object::Patch(patch)),
    ];
    lab.ensure(&resources);
    resources
}

fn port(sandbox: SandboxId, of: IfName, number: u8, isolated: bool) -> Vec<Resource> {
    let inside = |object| Resource::sandbox(sandbox, object);
    vec![
        Resource::host(Object::Namespace(sandbox)),
        Resource::host(Object::Veth(Veth {
            name: name(&format!("veth{number}")),
            bridge: of,
            isolated,
            hairpin: false,
            mtu: None,
            peer: VethPeer {
                sandbox: Some(sandbox),
                name: name("eth0"),
                mac: mac(number),
            },
        })),
        inside(address("eth0", &format!("10.1.0.{number}/16"))),
        inside(up("eth0")),
    ]
}

#[test]
fn a_patch_joins_bridges_but_not_their_isolated_ports() {
    lab(|lab| {
        let bridges = joined(lab);
        let ports: Vec<_> = [
            ("br0", 3, false),
            ("br1", 4, false),
            ("br0", 5, true),
            ("br1", 6, true),
        ]
        .into_iter()
        .map(|(of, number, isolated)| {
            let it = sandbox();
            (it, port(it, name(of), number, isolated))
        })
        .collect();
        ports
            .iter()
            .for_each(|(_, resources)| lab.ensure(resources));
        let [open0, open1, shut0, shut1] = [0, 1, 2, 3].map(|at| ports[at].0);
        assert!(lab.reaches(open0, open1, "10.1.0.4:7000"));
        assert!(lab.reaches(open1, shut1, "10.1.0.6:7000"));
        assert!(!lab.reaches(shut0, shut1, "10.1.0.6:7001"));
        lab.ensure(&bridges);
        assert!(lab.reaches(open0, open1, "10.1.0.4:7002"));
        ports
            .iter()
            .for_each(|(_, resources)| lab.remove(resources));
        lab.remove(&bridges);
        lab.is_empty_soon();
    });
}

#[test]
fn both_ends_of_a_patch_are_rnets_and_a_lonely_end_makes_room() {
    lab(|lab| {
        let bridges = joined(lab);
        let owned = lab.kernel.owned().unwrap();
        for end in ["near", "far"] {
            assert!(owned.contains(&Owned::Link(name(end))), "{owned:?}");
        }
        lab.ip("link delete near");
        lab.ip("link add near group 1919837556 type veth peer name other");
        lab.ensure(&bridges);
        assert!(lab.ip("link show near").contains("master br0"));
        assert!(lab.ip("link show far").contains("master br1"));
        lab.ip("link delete far");
        lab.remove(&bridges);
    });
}

#[test]
fn a_variable_is_raised_and_never_lowered() {
    lab(|lab| {
        let least = |key: &str, least| {
            let key = key.to_owned();
            lab.ensure(&[Resource::host(Object::LeastSysctl { key, least })]);
        };
        least("net/ipv4/ip_default_ttl", 100);
        let value = || std::fs::read_to_string("/proc/sys/net/ipv4/ip_default_ttl").unwrap();
        assert_eq!(value().trim(), "100");
        least("net/ipv4/ip_default_ttl", 90);
        assert_eq!(value().trim(), "100");
        least("net/ipv4/no_such_variable", 1);
    });
}
