//! Endpoints in sandboxes: made whole, made again, and able to talk.

use rnet_kernel::{Kernel, KernelError};
use rnet_model::{Object, Resource};

use crate::lab::{address, bridge, endpoint, eventually, lab, mac, route, sandbox, up, veth};

#[test]
fn an_endpoint_is_made_as_it_is_recorded() {
    lab(|lab| {
        lab.bridge();
        let it = sandbox();
        lab.ensure(&endpoint(it, 2));

        let port = lab.ip("-d link show veth2");
        for part in [
            "master br0",
            ",UP",
            "mtu 1400",
            "group 1919837556",
            "isolated off",
        ] {
            assert!(port.contains(part), "{part:?} in {port}");
        }
        let inside = lab.ip_in(it, "address show eth0");
        for part in [
            "mtu 1400",
            "02:42:0a:01:00:02",
            "inet 10.1.0.2/16 brd 10.1.255.255",
            "inet6 fd10::2/64 scope global nodad \n",
            "state UP",
        ] {
            assert!(inside.contains(part), "{part:?} in {inside}");
        }
        let route = lab.ip_in(it, "route show default");
        assert_eq!(route.trim(), "default via 10.1.0.1 dev eth0 proto 114");
        assert!(lab.ip_in(it, "link show lo").contains("LOOPBACK,UP"));
    });
}

#[test]
fn what_is_ensured_twice_is_as_it_was_the_first_time() {
    lab(|lab| {
        let bridge = lab.bridge();
        let it = sandbox();
        let endpoint = endpoint(it, 2);
        lab.ensure(&endpoint);
        let settled = |addresses: String| {
            addresses.contains("fe80")
                && !addresses.contains("tentative")
                && !addresses.contains("NO-CARRIER")
        };
        eventually("the kernel's own addresses are settled", || {
            settled(lab.ip("address show")) && settled(lab.ip_in(it, "address show"))
        });
        let own = lab.ip("-6 address show dev veth2");
        assert_eq!(own, "", "a port needs no address of its own");
        let host = lab.ip("address show");
        let inside = lab.ip_in(it, "address show");
        let routes = lab.ip_in(it, "route show table all");

        lab.ensure(&bridge);
        lab.ensure(&endpoint);
        assert_eq!(lab.ip("address show"), host);
        assert_eq!(lab.ip_in(it, "address show"), inside);
        assert_eq!(lab.ip_in(it, "route show table all"), routes);
    });
}

#[test]
fn an_address_of_link_scope_is_nobodys_source_elsewhere() {
    lab(|lab| {
        lab.bridge();
        let it = sandbox();
        lab.ensure(&endpoint(it, 2));
        lab.ensure(&[Resource::sandbox(it, address("eth0", "169.254.7.7/16"))]);
        let found = lab.ip_in(it, "-4 address show eth0");
        assert!(
            found.contains("inet 169.254.7.7/16 brd 169.254.255.255 scope link"),
            "{found}"
        );
    });
}

#[test]
fn what_strayed_from_its_record_is_brought_back() {
    lab(|lab| {
        let bridge = lab.bridge();
        let it = sandbox();
        lab.ensure(&endpoint(it, 2));
        lab.ip("link set veth2 nomaster down mtu 1000");
        lab.ip("link set br0 down address 02:00:00:00:00:07");
        lab.ip_in(it, "link set eth0 mtu 1000 address 02:00:00:00:00:08");
        lab.ip_in(it, "route replace default via 10.1.0.9");

        lab.ensure(&bridge);
        lab.ensure(&endpoint(it, 2));
        let port = lab.ip("link show veth2");
        assert!(
            port.contains("master br0") && port.contains(",UP"),
            "{port}"
        );
        assert!(port.contains("mtu 1400"), "{port}");
        assert!(lab.ip("link show br0").contains("02:42:0a:01:00:01"));
        let inside = lab.ip_in(it, "link show eth0");
        assert!(
            inside.contains("mtu 1400") && inside.contains("02:42:0a:01:00:02"),
            "{inside}"
        );
        assert!(
            lab.ip_in(it, "route")
                .starts_with("default via 10.1.0.1 dev eth0")
        );
    });
}

#[test]
fn two_sandboxes_on_a_bridge_reach_each_other_unless_both_are_isolated() {
    lab(|lab| {
        lab.bridge();
        let [one, other] = [2, 3].map(|number| {
            let it = sandbox();
            lab.ensure(&endpoint(it, number));
            it
        });
        assert!(lab.reaches(one, other, "10.1.0.3:7000"));
        assert!(
            lab.reaches(other, one, "[fd10::2]:7000"),
            "IPv6 needs no waiting"
        );

        for (it, number) in [(one, 2), (other, 3)] {
            lab.ensure(&[isolated(veth(it, number, "eth0"))]);
        }
        assert!(!lab.reaches(one, other, "10.1.0.3:7001"));
        lab.ensure(&[veth(one, 2, "eth0")]);
        assert!(lab.reaches(one, other, "10.1.0.3:7002"));
    });
}

#[test]
fn a_pair_is_made_isolated() {
    lab(|lab| {
        lab.bridge();
        let it = sandbox();
        lab.ensure(&[
            Resource::host(Object::Namespace(it)),
            isolated(veth(it, 2, "eth0")),
        ]);
        assert!(lab.ip("-d link show veth2").contains("isolated on"));
    });
}

#[test]
fn a_bridge_that_others_deleted_and_made_again_is_found_again() {
    lab(|lab| {
        lab.bridge();
        let [one, other] = [sandbox(), sandbox()];
        lab.ensure(&endpoint(one, 2));
        lab.ip("link delete br0");
        let error = lab.kernel.ensure_all(&endpoint(other, 3)).unwrap_err();
        assert_eq!(error.to_string(), "there is no interface br0");

        lab.bridge();
        lab.ensure(&endpoint(one, 2));
        lab.ensure(&endpoint(other, 3));
        assert!(lab.reaches(one, other, "10.1.0.3:7000"));
    });
}

#[test]
fn a_refusal_in_a_batch_names_the_resource_and_the_kernels_reason() {
    lab(|lab| {
        lab.bridge();
        let it = sandbox();
        lab.ensure(&endpoint(it, 2));
        let batch = [
            address("eth0", "10.1.0.9/16"),
            route("192.0.2.0/24", Some("203.0.113.1"), "eth0"),
            address("eth0", "10.1.0.10/16"),
        ];
        let batch = batch.map(|object| Resource::sandbox(it, object));
        let error = lab.kernel.ensure_all(&batch).unwrap_err();
        let KernelError::Ensure { resource, source } = error else {
            panic!("{error}")
        };
        assert_eq!(*resource, batch[1]);
        assert_eq!(
            source.to_string(),
            "Network is unreachable (os error 101): Nexthop has invalid gateway"
        );
    });
}

#[test]
fn what_is_missing_is_named() {
    lab(|lab| {
        let [it, no] = [sandbox(), sandbox()];
        lab.ensure(&[Resource::host(Object::Namespace(it))]);
        let ensure = |place, object| {
            let resource = match place {
                Some(sandbox) => Resource::sandbox(sandbox, object),
                None => Resource::host(object),
            };
            lab.kernel.ensure_all(&[resource]).unwrap_err().to_string()
        };
        assert_eq!(ensure(None, up("br9")), "there is no interface br9");
        let short = it.short();
        assert_eq!(
            ensure(Some(it), up("eth9")),
            format!("there is no interface eth9 in sandbox {short}")
        );
        let short = no.short();
        assert_eq!(
            ensure(Some(no), up("lo")),
            format!("sandbox {short} has no network namespace")
        );
        let nonsense = route("fd00::/64", Some("10.1.0.1"), "lo");
        assert!(ensure(Some(it), nonsense).starts_with("the kernel refused: -n "));
    });
}

#[test]
fn a_route_replaces_the_one_to_the_same_destination() {
    lab(|lab| {
        lab.bridge();
        let it = sandbox();
        lab.ensure(&endpoint(it, 2));
        for (default, old) in [("0.0.0.0/0", "10.1.0.1"), ("::/0", "fd10::1")] {
            let new = if old.contains(':') {
                "fd10::7"
            } else {
                "10.1.0.7"
            };
            for gateway in [old, new] {
                let route = route(default, Some(gateway), "eth0");
                lab.ensure(&[Resource::sandbox(it, route)]);
            }
            let family = if old.contains(':') { "-6 " } else { "" };
            let routes = lab.ip_in(it, &format!("{family}route show default"));
            assert_eq!(routes.lines().count(), 1, "{routes}");
            assert!(
                routes.starts_with(&format!("default via {new} dev eth0")),
                "{routes}"
            );
        }
    });
}

#[test]
fn a_bridge_keeps_the_address_it_was_made_with() {
    lab(|lab| {
        lab.ensure(&[bridge("br0", mac(9))]);
        lab.ensure(&endpoint(sandbox(), 2)[..2]);
        assert!(lab.ip("link show br0").contains("02:42:0a:01:00:09"));
    });
}

fn isolated(mut veth: Resource) -> Resource {
    let Object::Veth(it) = &mut veth.object else {
        panic!("{veth}")
    };
    it.isolated = true;
    veth
}
