//! An endpoint in a sandbox: made whole, made again, and able to talk.

use rnet_kernel::{Kernel, KernelError};
use rnet_model::{Object, Resource};

use crate::lab::{address, endpoint, lab, name, route, sandbox, up, veth};

#[test]
fn an_endpoint_is_made_as_it_is_recorded() {
    lab(|lab| {
        lab.bridge();
        let it = sandbox();
        lab.ensure(&endpoint(it, 2));

        let port = lab.ip("-d link show veth2");
        assert!(
            port.contains("master br0") && port.contains(",UP"),
            "{port}"
        );
        assert!(
            port.contains("mtu 1400") && port.contains("group 1919837556"),
            "{port}"
        );
        let inside = lab.ip_in(it, "address show eth0");
        for part in [
            "mtu 1400",
            "02:42:0a:01:00:02",
            "inet 10.1.0.2/16 brd 10.1.255.255",
            "inet6 fd10::2/64",
            "state UP",
        ] {
            assert!(inside.contains(part), "{part:?} in {inside}");
        }
        assert!(
            !inside.contains("tentative"),
            "rnet's IPv6 addresses are usable at once: {inside}"
        );
        let route = lab.ip_in(it, "route show default");
        assert_eq!(route.trim(), "default via 10.1.0.1 dev eth0 proto 114");
        assert!(lab.ip_in(it, "link show lo").contains("LOOPBACK,UP"));
    });
}
