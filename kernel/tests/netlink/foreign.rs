//! Objects of others are in the way, and stay as they are.

use std::collections::BTreeSet;

use rnet_kernel::{Kernel, KernelError};
use rnet_model::{Object, Resource};

use crate::lab::{address, bridge, endpoint, lab, mac, name, route, sandbox, up};

#[test]
fn a_foreign_link_is_refused_and_left_as_it_is() {
    lab(|lab| {
        lab.ip("link add br0 type bridge");
        lab.ip("link add veth2 type bridge");
        let before = lab.ip("address show");
        let it = sandbox();
        let error = lab.kernel.ensure_all(&[bridge("br0", mac(1))]).unwrap_err();
        assert_eq!(
            error.to_string(),
            "interface br0 is in the way: it was not made by rnet; rename or delete it, or choose another name"
        );
        let error = lab.kernel.ensure_all(&endpoint(it, 2)).unwrap_err();
        assert!(matches!(error, KernelError::Foreign { name } if name.as_str() == "veth2"));
        for object in [up("br0"), address("br0", "10.1.0.1/16")] {
            let error = lab
                .kernel
                .ensure_all(&[Resource::host(object)])
                .unwrap_err();
            assert!(matches!(error, KernelError::Foreign { .. }), "{error}");
        }
        assert_eq!(lab.ip("address show"), before);
    });
}

#[test]
fn a_foreign_link_is_never_removed() {
    lab(|lab| {
        lab.ip("link add br0 up type bridge");
        lab.ip("address add 10.1.0.1/16 dev br0");
        lab.ip("link add veth2 type veth peer name peer2");
        // its own IPv6 address settles in its own time
        let before = lab.ip("-4 address show");
        let recorded = [
            bridge("br0", mac(1)),
            Resource::host(address("br0", "10.1.0.1/16")),
            Resource::host(up("br0")),
            endpoint(sandbox(), 2).swap_remove(1),
        ];
        for resource in &recorded {
            lab.remove(std::slice::from_ref(resource));
        }
        assert!(lab.kernel.owned().unwrap().is_empty());
        let errors = lab.kernel.sweep(&[rnet_kernel::Owned::Link(name("br0"))]);
        assert!(errors.is_empty(), "{errors:?}");
        assert_eq!(lab.ip("-4 address show"), before);
    });
}

#[test]
fn a_foreign_route_of_the_host_is_neither_replaced_nor_removed() {
    lab(|lab| {
        lab.bridge();
        lab.ip("route add 192.0.2.0/24 via 10.1.0.8");
        let wanted = [Resource::host(route(
            "192.0.2.0/24",
            Some("10.1.0.7"),
            "br0",
        ))];
        let error = lab.kernel.ensure_all(&wanted).unwrap_err();
        assert!(matches!(error, KernelError::ForeignRoute { .. }), "{error}");
        lab.remove(&[Resource::host(route(
            "192.0.2.0/24",
            Some("10.1.0.8"),
            "br0",
        ))]);
        assert!(lab.ip("route").contains("192.0.2.0/24 via 10.1.0.8"));

        lab.ip("route delete 192.0.2.0/24");
        lab.ensure(&wanted);
        let other = [Resource::host(route(
            "192.0.2.0/24",
            Some("10.1.0.9"),
            "br0",
        ))];
        lab.ensure(&other);
        assert!(
            lab.ip("route")
                .contains("192.0.2.0/24 via 10.1.0.9 dev br0 proto 114")
        );
        lab.remove(&other);
        assert!(!lab.ip("route").contains("192.0.2.0/24"));
    });
}

#[test]
fn an_interface_the_container_made_itself_is_in_the_way() {
    lab(|lab| {
        lab.bridge();
        let it = sandbox();
        lab.ensure(&[Resource::host(Object::Namespace(it))]);
        lab.ip_in(it, "link add eth0 type bridge");
        let error = lab.kernel.ensure_all(&endpoint(it, 2)).unwrap_err();
        assert_eq!(
            error.to_string(),
            "the container has an interface eth0 already: rename or delete it, or choose another name"
        );
        assert_eq!(
            lab.links(),
            ["br0", "lo"]
                .map(str::to_owned)
                .into_iter()
                .collect::<BTreeSet<_>>()
        );
    });
}
