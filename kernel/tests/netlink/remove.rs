//! Resources that cease to exist, at once or in the kernel's own time.

use rnet_kernel::Kernel;
use rnet_model::{Object, Resource};

use crate::lab::{endpoint, eventually, lab, pin, pins, sandbox, veth};

#[test]
fn what_was_made_is_removed_and_leaves_nothing() {
    lab(|lab| {
        let bridge = lab.bridge();
        let it = sandbox();
        let endpoint = endpoint(it, 2);
        lab.ensure(&endpoint);
        lab.remove(&endpoint);
        assert!(pins().is_empty());
        lab.remove(&bridge);
        assert!(
            lab.kernel.owned().unwrap().is_empty(),
            "what is on its way out is nobody's"
        );
        lab.is_empty_soon();
    });
}

#[test]
fn what_is_absent_is_removed_with_success() {
    lab(|lab| {
        let bridge = lab.bridge();
        let it = sandbox();
        let endpoint = endpoint(it, 2);
        for resource in bridge.iter().chain(&endpoint) {
            lab.remove(std::slice::from_ref(resource));
        }
        lab.ensure(&endpoint[..1]);
        for resource in &endpoint[1..] {
            lab.remove(std::slice::from_ref(resource));
        }
        lab.remove(&endpoint[..1]);
        lab.is_empty_soon();
    });
}

#[test]
fn parts_of_an_endpoint_are_removed_one_by_one() {
    lab(|lab| {
        lab.bridge();
        let it = sandbox();
        let endpoint = endpoint(it, 2);
        lab.ensure(&endpoint);
        for resource in endpoint[3..].iter().rev() {
            lab.remove(std::slice::from_ref(resource));
        }
        let inside = lab.ip_in(it, "address show eth0");
        assert!(
            !inside.contains("inet") && inside.contains("state DOWN"),
            "{inside}"
        );
        assert_eq!(lab.ip_in(it, "route show"), "");
        assert!(lab.ip_in(it, "link show lo").contains("LOOPBACK,UP"));
    });
}

#[test]
fn an_endpoint_is_cut_off_at_once_and_can_come_back_at_once() {
    lab(|lab| {
        lab.bridge();
        let [one, other] = [2, 3].map(|number| {
            let it = sandbox();
            lab.ensure(&endpoint(it, number));
            it
        });
        for round in 0..5 {
            let connected = &endpoint(one, 2)[1..];
            lab.remove(connected);
            let inside = lab.ip_in(one, "-brief link");
            // the operational state follows in its own time; the carrier is what counts
            let gone = inside
                .lines()
                .all(|it| !it.starts_with("eth0") || !it.contains("LOWER_UP"));
            assert!(gone, "nothing gets through: {inside}");
            lab.ensure(connected);
            assert!(lab.reaches(other, one, &format!("10.1.0.2:{}", 7000 + round)));
        }
    });
}

#[test]
fn a_pair_that_leads_to_another_sandbox_is_made_anew() {
    lab(|lab| {
        lab.bridge();
        let [one, other] = [sandbox(), sandbox()];
        lab.ensure(&endpoint(one, 2));
        lab.ensure(&endpoint(other, 2));
        assert!(lab.ip_in(other, "link show eth0").contains(",UP"));
        assert!(!lab.ip_in(one, "-brief link").contains("eth0"));
    });
}

#[test]
fn an_interface_of_another_endpoint_is_not_taken_for_the_wanted_one() {
    lab(|lab| {
        lab.bridge();
        let [one, other] = [sandbox(), sandbox()];
        lab.ensure(&endpoint(one, 2));
        lab.ensure(&endpoint(other, 3));
        lab.kernel
            .ensure_all(&[veth(other, 2, "eth0")])
            .unwrap_err();
        assert!(
            lab.ip_in(other, "link show eth0")
                .contains("02:42:0a:01:00:03")
        );
    });
}

#[test]
fn a_failed_removal_keeps_no_other_from_being_done() {
    lab(|lab| {
        let mut resources = lab.bridge();
        let broken = [sandbox(), sandbox()];
        let it = sandbox();
        lab.ensure(&endpoint(it, 2));
        for id in broken {
            // nobody's pin is a directory
            std::fs::create_dir(pin(id)).unwrap();
            resources.push(Resource::host(Object::Namespace(id)));
            resources.extend(endpoint(it, 2));
        }
        let errors = lab.kernel.remove_all(&resources);
        let errors: Vec<String> = errors.iter().map(ToString::to_string).collect();
        let expected = broken.map(|id| {
            format!(
                "cannot remove the pinned network namespace {}",
                pin(id).display()
            )
        });
        assert_eq!(
            errors,
            [expected[1].clone(), expected[0].clone()],
            "in reverse order"
        );
        for id in broken {
            std::fs::remove_dir(pin(id)).unwrap();
        }
        lab.is_empty_soon();
    });
}

#[test]
fn a_host_end_goes_even_where_its_sandbox_goes_first() {
    lab(|lab| {
        lab.bridge();
        let it = sandbox();
        let endpoint = endpoint(it, 2);
        lab.ensure(&endpoint);
        lab.remove(&endpoint[..1]);
        lab.remove(&endpoint[1..]);
        eventually("veth2 is deleted", || !lab.links().contains("veth2"));
    });
}
