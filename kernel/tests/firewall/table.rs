//! The table itself: what it looks like, how it is replaced, what becomes of it in others' hands.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

use rnet_kernel::{Firewall, KernelError, Nftables};
use rnet_model::FirewallPolicy;

use crate::lab::{Lab, bare_host_and_nft, empty, policy};
use crate::sample::sample;

const DOCUMENT: &str = include_str!("../../../docs/firewall.md");

#[test]
fn the_document_shows_the_table_and_explains_each_of_its_rules() {
    let rendered = Nftables::render(&sample()).unwrap();
    let fenced = DOCUMENT.split("```").nth(1).unwrap();
    let shown = fenced.split_once('\n').unwrap().1;
    assert_eq!(shown, rendered, "docs/firewall.md should show:\n{rendered}");

    let comments = rendered
        .lines()
        .filter_map(|line| line.split(" comment ").nth(1));
    for comment in comments {
        let explained = format!("- {}: ", comment.replace('"', "**"));
        assert!(
            DOCUMENT.contains(&explained),
            "docs/firewall.md should say {explained}"
        );
    }
}

#[test]
fn the_kernel_holds_what_the_document_shows() {
    let Some((host, firewall)) = bare_host_and_nft() else {
        return;
    };
    firewall.apply(&sample()).unwrap();
    let ours = host.nft(&["list", "table", "inet", "rnet"], "");

    let other = empty();
    other.nft(&["-f", "-"], &Nftables::render(&sample()).unwrap());
    assert_eq!(ours, other.nft(&["list", "table", "inet", "rnet"], ""));
}

#[test]
fn every_way_to_a_policy_leads_to_the_same_table_and_leaves_its_rules_alone() {
    let Some((host, firewall)) = bare_host_and_nft() else {
        return;
    };
    let list = || host.nft(&["--handle", "list", "table", "inet", "rnet"], "");
    let other = policy(&[
        ("0.0.0.0:8080", "tcp", "172.25.0.9:80"),
        ("192.0.2.1:8080", "tcp", "172.25.0.3:80"),
        ("[2001:db8::1]:53", "udp", "[fd25::3]:53"),
        ("0.0.0.0:38412", "sctp", "172.25.0.3:38412"),
    ]);
    firewall.apply(&sample()).unwrap();
    let direct = list();

    for step in [
        &other,
        &sample(),
        &FirewallPolicy::default(),
        &other,
        &sample(),
    ] {
        firewall.apply(step).unwrap();
    }
    assert_eq!(list(), direct);
}

#[test]
fn a_table_that_was_changed_or_flushed_by_others_is_written_again() {
    let Some((host, firewall)) = bare_host_and_nft() else {
        return;
    };
    let list = || host.nft(&["list", "table", "inet", "rnet"], "");
    let first = policy(&[("0.0.0.0:8080", "tcp", "172.25.0.2:80")]);
    let more = policy(&[
        ("0.0.0.0:8080", "tcp", "172.25.0.2:80"),
        ("0.0.0.0:8081", "tcp", "172.25.0.2:81"),
    ]);
    firewall.apply(&more).unwrap();
    let (whole, flush) = (list(), ["flush", "ruleset"]);

    host.nft(&flush, "");
    firewall.apply(&more).unwrap();
    assert_eq!(list(), whole, "flushed, and nothing else to change");

    firewall.apply(&first).unwrap();
    host.nft(&flush, "");
    firewall.apply(&more).unwrap();
    assert_eq!(list(), whole, "flushed, and one to add");

    host.nft(&flush, "");
    firewall.apply(&first).unwrap();
    firewall.apply(&more).unwrap();
    assert_eq!(list(), whole, "flushed, and one to delete");

    firewall.apply(&first).unwrap();
    let foreign = "add element inet rnet publish4_any { tcp . 8081 : 10.0.0.1 . 1 }";
    host.nft(&["-f", "-"], foreign);
    firewall.apply(&more).unwrap();
    assert_eq!(list(), whole, "another's element in the way");
}

#[test]
fn tables_of_others_stay_and_ours_goes_without_a_trace() {
    let Some((host, firewall)) = bare_host_and_nft() else {
        return;
    };
    host.nft(&["add", "table", "inet", "theirs"], "");
    let before = host.nft(&["list", "ruleset"], "");
    firewall.remove().unwrap();
    firewall.apply(&sample()).unwrap();
    assert_ne!(host.nft(&["list", "ruleset"], ""), before);
    firewall.remove().unwrap();
    firewall.remove().unwrap();
    assert_eq!(host.nft(&["list", "ruleset"], ""), before);
    firewall.apply(&sample()).unwrap();
}

#[test]
fn a_policy_across_families_is_refused_and_changes_nothing() {
    let Some((host, firewall)) = bare_host_and_nft() else {
        return;
    };
    firewall.apply(&sample()).unwrap();
    let before = host.nft(&["list", "table", "inet", "rnet"], "");

    let mut bad = sample();
    bad.published
        .extend(policy(&[("[::]:81", "tcp", "172.25.0.2:80")]).published);
    let error = firewall.apply(&bad).unwrap_err();
    assert!(matches!(error, KernelError::PublishAcrossFamilies { .. }));
    assert_eq!(
        error.to_string(),
        "cannot publish [::]:81/tcp to 172.25.0.2: both must be IPv4 or both IPv6"
    );
    assert_eq!(host.nft(&["list", "table", "inet", "rnet"], ""), before);
}

#[test]
fn connections_outlive_the_tables_replacement_and_the_ports_withdrawal() {
    let Some(lab) = Lab::new() else { return };
    let published = policy(&[("0.0.0.0:8080", "tcp", "172.25.0.2:80")]);
    let server = lab.c1.run(|| TcpListener::bind("0.0.0.0:80").unwrap());
    lab.apply(&published);
    let mut client = lab
        .outside
        .run(|| TcpStream::connect("192.0.2.1:8080").unwrap());
    let (mut served, _) = server.accept().unwrap();
    client
        .set_read_timeout(Some(Duration::from_secs(1)))
        .unwrap();
    let mut talk = |when: &str| {
        let mut heard = [0; 4];
        served.write_all(b"ping").unwrap();
        client.read_exact(&mut heard).expect(when);
        client.write_all(b"pong").unwrap();
        served.read_exact(&mut heard).expect(when);
    };

    talk("before");
    let successor = lab.host.run(|| Nftables::open().unwrap());
    successor.apply(&published).unwrap();
    talk("after another daemon wrote the whole table");
    successor.apply(&policy(&[])).unwrap();
    talk("after the port was withdrawn");
}
