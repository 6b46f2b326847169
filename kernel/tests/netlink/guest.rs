//! Network namespaces that others made.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::mpsc::channel;
use std::thread;

use nix::sched::{CloneFlags, unshare};
use rnet_kernel::{Host, Kernel, KernelError, Owned};
use rnet_model::{Object, Resource, SandboxId};

use crate::lab::{endpoint, eventually, lab, pins, sandbox, veth};

/// Calls `test` with the path of a network namespace that a thread of its own is in.
fn with_guest(test: impl FnOnce(&Path)) {
    let (tell, told) = channel::<PathBuf>();
    let (end, ended) = channel::<()>();
    thread::scope(|scope| {
        scope.spawn(move || {
            unshare(CloneFlags::CLONE_NEWNET).unwrap();
            let own = format!(
                "/proc/{}/task/{}/ns/net",
                nix::unistd::getpid(),
                nix::unistd::gettid()
            );
            tell.send(own.into()).unwrap();
            // the other end is dropped when the test is over
            let _ = ended.recv();
        });
        let path = told.recv().unwrap();
        test(&path);
        drop(end);
    });
}

fn in_guest(path: &Path, command: &str) -> String {
    let enter = format!("nsenter --net={} {command}", path.display());
    let output = Command::new("sh").args(["-c", &enter]).output().unwrap();
    assert!(output.status.success(), "{enter}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}

fn namespace(sandbox: SandboxId, path: &Path) -> Resource {
    let path = path.to_owned();
    Resource::host(Object::GuestNamespace { sandbox, path })
}

#[test]
fn a_guest_is_attached_and_goes_on_without() {
    lab(|lab| {
        let bridge = lab.bridge();
        with_guest(|path| {
            let it = sandbox();
            let mut resources = endpoint(it, 2);
            resources[0] = namespace(it, path);
            lab.ensure(&resources);
            lab.ensure(&resources);
            let sockets = lab.kernel.resolver_sockets(it).unwrap();
            let inside = in_guest(path, "ip address show eth0");
            assert!(inside.contains("10.1.0.2/16"), "{inside}");
            assert!(in_guest(path, "nft list tables").contains("rnet_dns"));
            drop(sockets);

            lab.remove(&resources);
            assert!(pins().is_empty());
            assert_eq!(in_guest(path, "nft list tables"), "");
            assert!(in_guest(path, "ip link show lo").contains("LOOPBACK,UP"));
            eventually("the link is gone from the guest", || {
                !in_guest(path, "ip link").contains("eth0")
            });
        });
        lab.remove(&bridge);
        lab.is_empty_soon();
    });
}

#[test]
fn an_interface_that_is_offered_is_taken_comes_back_and_is_made_again_when_it_is_lost() {
    lab(|lab| {
        let bridge = lab.bridge();
        let mut resource = veth(sandbox(), 2, "offer2");
        if let Object::Veth(veth) = &mut resource.object {
            veth.peer.sandbox = None;
        }
        let offered = [resource];
        lab.ensure(&offered);
        lab.ensure(&offered);
        let both: BTreeSet<Owned> = Owned::of(&offered[0]).collect();
        let owned = || BTreeSet::from_iter(lab.kernel.owned().unwrap());
        assert!(both.len() == 2 && both.is_subset(&owned()));

        with_guest(|path| {
            // as another runtime takes it, and gives it back
            lab.ip(&format!("link set offer2 netns {}", path.display()));
            in_guest(path, "ip link set offer2 name eth0");
            lab.ensure(&offered);
            assert!(in_guest(path, "ip link show eth0").contains("mtu 1400"));
            in_guest(path, "ip link set eth0 name offer2");
            in_guest(
                path,
                &format!("ip link set offer2 netns {}", nix::unistd::gettid()),
            );
            assert!(both.is_subset(&owned()));
            lab.ip(&format!("link set offer2 netns {}", path.display()));
        });
        eventually("it went with the namespace", || {
            !lab.links().contains("veth2")
        });
        lab.ensure(&offered);
        assert!(both.is_subset(&owned()));
        lab.remove(&offered);
        lab.remove(&bridge);
        lab.is_empty_soon();
    });
}

#[test]
fn what_is_no_namespace_or_the_hosts_is_refused_and_not_pinned() {
    lab(|lab| {
        let ensure = |path: &str| {
            let resource = namespace(sandbox(), Path::new(path));
            lab.kernel.ensure_all(&[resource]).unwrap_err()
        };
        let host = format!("/proc/self/task/{}/ns/net", nix::unistd::gettid());
        assert!(matches!(ensure(&host), KernelError::HostNamespace { .. }));
        for path in ["/proc/self/ns/mnt", "/etc/hostname", "/nonexistent"] {
            let error = ensure(path);
            assert!(
                matches!(error, KernelError::OpenNamespace { .. })
                    && error.to_string().contains(path),
                "{error}"
            );
        }
        assert!(pins().is_empty());
    });
}
