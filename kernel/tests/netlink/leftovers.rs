//! What a crash leaves is found, finished or swept.

use std::fs;
use std::path::Path;

use rnet_kernel::{Kernel, Netlink, Owned};
use rnet_model::{Object, Resource};

use crate::lab::{endpoint, eventually, lab, name, pin, pins, sandbox};

#[test]
fn everything_marked_is_owned_and_swept() {
    lab(|lab| {
        lab.bridge();
        lab.ip("link add other type bridge");
        let it = sandbox();
        lab.ensure(&endpoint(it, 2));
        fs::write(pin(it).with_file_name("notes"), "not a pin").unwrap();

        let mut owned = lab.kernel.owned().unwrap();
        owned.sort();
        let links = ["br0", "veth2"].map(|link| Owned::Link(name(link)));
        assert_eq!(owned, [&[Owned::Namespace(it)][..], &links].concat());
        for _ in 0..2 {
            let errors = lab.kernel.sweep(&owned);
            assert!(errors.is_empty(), "{errors:?}");
        }
        assert!(lab.kernel.owned().unwrap().is_empty());
        eventually("the marked links are deleted", || lab.links().len() == 2);
        assert!(lab.links().contains("other") && pins().len() == 1);
    });
}

#[test]
fn a_pin_that_was_never_mounted_is_made_whole() {
    lab(|lab| {
        let it = sandbox();
        fs::write(pin(it), "").unwrap();
        assert_eq!(lab.kernel.owned().unwrap(), [Owned::Namespace(it)]);
        lab.bridge();
        lab.ensure(&endpoint(it, 2));
        assert!(lab.ip_in(it, "address show eth0").contains("10.1.0.2"));
        lab.remove(&endpoint(it, 2));
        assert!(pins().is_empty());
    });
}

#[test]
fn a_pin_that_was_never_mounted_is_removed() {
    lab(|lab| {
        let it = sandbox();
        fs::write(pin(it), "").unwrap();
        lab.remove(&endpoint(it, 2));
        assert!(pins().is_empty());
    });
}

#[test]
fn a_pin_that_was_mounted_twice_is_removed_whole() {
    lab(|lab| {
        let it = sandbox();
        lab.ensure(&[Resource::host(Object::Namespace(it))]);
        let none = None::<&str>;
        let bind = nix::mount::MsFlags::MS_BIND;
        nix::mount::mount(Some("/proc/thread-self/ns/net"), &pin(it), none, bind, none).unwrap();
        lab.remove(&[Resource::host(Object::Namespace(it))]);
        assert!(pins().is_empty());
    });
}

#[test]
fn a_second_daemon_finds_what_the_first_one_made() {
    lab(|lab| {
        let bridge = lab.bridge();
        let it = sandbox();
        lab.ensure(&endpoint(it, 2));
        let inside = lab.ip_in(it, "-4 -oneline address show eth0");
        let second = Netlink::open(Path::new("/mnt")).unwrap();
        second.ensure_all(&bridge).unwrap();
        second.ensure_all(&endpoint(it, 2)).unwrap();
        assert_eq!(lab.ip_in(it, "-4 -oneline address show eth0"), inside);
    });
}

#[test]
fn links_that_were_being_deleted_are_deleted_by_the_next_daemon() {
    lab(|lab| {
        lab.ip("link add old group 1919246704 type bridge");
        drop(Netlink::open(Path::new("/mnt")).unwrap());
        assert!(!lab.links().contains("old"));
    });
}
