//! The table among those of others: who changes it is noticed, and the user's own table is the user's.

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use rnet_kernel::{Firewall, Watch};

use crate::lab::{Lab, Namespace, bare_host_and_nft, policy};
use crate::sample::sample;

/// Whether anything is told at once; netlink tells before the one who changed things goes on.
fn rings(watch: &dyn Watch) -> bool {
    let mut fds = [PollFd::new(watch.as_fd(), PollFlags::POLLIN)];
    poll(&mut fds, PollTimeout::ZERO).unwrap() == 1
}

#[test]
fn every_hand_but_our_own_in_the_table_is_noticed_and_a_restored_table_is_whole() {
    let Some((host, firewall)) = bare_host_and_nft() else {
        return;
    };
    let list = || host.nft(&["list", "table", "inet", "rnet"], "");
    let mut watch = host.run(|| firewall.watch().unwrap().unwrap());
    firewall.apply(&sample()).unwrap();
    let whole = list();
    for hand in [
        "flush ruleset",
        "delete table inet rnet",
        "flush set inet rnet bridges",
        "flush map inet rnet publish4_any",
        "flush chain inet rnet forward",
        "flush table inet rnet",
        "add element inet rnet publish4_any { tcp . 1 : 10.0.0.1 . 1 }",
        "add rule inet rnet forward accept",
        "add table ip theirs; delete table inet rnet; add chain ip theirs c",
    ] {
        host.nft(&["-f", "-"], hand);
        assert!(rings(&*watch) && watch.changed().unwrap(), "{hand}");
        assert_ne!(list_or_nothing(&host), whole, "{hand}");
        firewall.restore(&sample()).unwrap();
        assert!(!rings(&*watch), "our own hand, after {hand}");
        assert_eq!(list(), whole, "{hand}");
    }
}

#[test]
fn neither_our_own_changes_nor_those_of_others_elsewhere_are_told() {
    let Some((host, firewall)) = bare_host_and_nft() else {
        return;
    };
    let mut watch = host.run(|| firewall.watch().unwrap().unwrap());
    let ports = policy(&[("0.0.0.0:8080", "tcp", "172.25.0.2:80")]);
    for policy in [&sample(), &ports, &sample(), &sample()] {
        firewall.apply(policy).unwrap();
    }
    firewall.remove().unwrap();
    assert!(!rings(&*watch), "nobody is woken by what we do");

    firewall.apply(&sample()).unwrap();
    host.nft(
        &["-f", "-"],
        "add table inet rnet2; add table ip rnet; delete table ip rnet",
    );
    host.nft(
        &["-f", "-"],
        "add rule inet rnet_user forward tcp dport 1 drop; flush table inet rnet_user",
    );
    assert!(!watch.changed().unwrap());
    assert!(!rings(&*watch), "all was read");
}

#[test]
fn the_users_rules_see_what_was_asked_for_and_outlive_every_change_of_ours() {
    let Some(lab) = Lab::new() else { return };
    lab.c1.serve(80);
    let published = policy(&[
        ("0.0.0.0:8080", "tcp", "172.25.0.2:80"),
        ("0.0.0.0:8081", "tcp", "172.25.0.2:80"),
        ("[::]:8080", "tcp", "[fd25::2]:80"),
    ]);
    lab.apply(&published);
    let reached = || {
        ["192.0.2.1:8080", "192.0.2.1:8081", "[2001:db8::1]:8080"]
            .map(|server| lab.outside.tcp(server).is_some())
    };
    assert_eq!(reached(), [true, true, true]);

    let rule = |rule: &str| lab.host.nft(&["-f", "-"], rule);
    rule("add rule inet rnet_user prerouting tcp dport 8080 ip daddr 192.0.2.1 drop");
    assert_eq!(reached(), [false, true, true]);
    rule(
        "add rule inet rnet_user forward ct status dnat meta l4proto tcp ct original proto-dst 8081 drop",
    );
    assert_eq!(reached(), [false, false, true]);
    rule("add rule inet rnet_user prerouting ip6 daddr 2001:db8::1 tcp dport 8080 drop");
    assert_eq!(reached(), [false, false, false]);

    let users = || lab.host.nft(&["list", "table", "inet", "rnet_user"], "");
    let before = users();
    lab.firewall.restore(&published).unwrap();
    lab.firewall.remove().unwrap();
    let successor = lab.host.run(|| rnet_kernel::Nftables::open().unwrap());
    successor.apply(&published).unwrap();
    assert_eq!(users(), before);
    assert_eq!(reached(), [false, false, false]);
}

#[test]
fn an_empty_table_for_the_user_goes_with_ours_and_any_other_stays() {
    let Some((host, firewall)) = bare_host_and_nft() else {
        return;
    };
    firewall.apply(&policy(&[])).unwrap();
    firewall.remove().unwrap();
    assert_eq!(host.nft(&["list", "tables"], ""), "");
    for mine in [
        "add rule inet rnet_user forward accept",
        "add chain inet rnet_user more",
        "add set inet rnet_user office { type ipv4_addr; }",
        "add table inet rnet_user; delete chain inet rnet_user forward",
    ] {
        firewall.apply(&policy(&[])).unwrap();
        host.nft(&["-f", "-"], mine);
        let before = host.nft(&["list", "table", "inet", "rnet_user"], "");
        firewall.remove().unwrap();
        let after = host.nft(&["list", "table", "inet", "rnet_user"], "");
        assert_eq!(after, before, "{mine}");
        host.nft(&["flush", "ruleset"], "");
    }
}

fn list_or_nothing(host: &Namespace) -> String {
    let tables = host.nft(&["list", "tables"], "");
    match tables.lines().any(|it| it == "table inet rnet") {
        true => host.nft(&["list", "table", "inet", "rnet"], ""),
        false => String::new(),
    }
}
