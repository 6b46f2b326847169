//! rnet's chains among those of iptables: what they look like, and what becomes of them in others' hands.

use std::collections::BTreeMap;
use std::os::fd::AsFd;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use rnet_kernel::Iptables;
use rnet_model::FirewallPolicy;

use crate::lab::{Backend, Namespace, bare_host, network, policy};
use crate::sample::sample;

const DOCUMENT: &str = include_str!("../../../docs/firewall.md");
const BOTH: [(Backend, &str); 2] = [
    (Backend::IptablesNft, "nft"),
    (Backend::IptablesLegacy, "legacy"),
];

/// Rules by program, table and chain, from what `iptables-save` and `ip6tables-save` print.
fn chains(saved: &str) -> BTreeMap<String, Vec<&str>> {
    let mut chains = BTreeMap::new();
    let (mut program, mut table) = ("", "");
    for line in saved.lines() {
        if let Some(name) = line.strip_prefix("# ").filter(|it| it.ends_with("-save")) {
            program = name;
        } else if let Some(name) = line.strip_prefix('*') {
            table = name;
        } else if let Some(chain) = line.strip_prefix(":RNET") {
            let chain = chain.split(' ').next().unwrap();
            chains
                .entry(format!("{program} {table} RNET{chain}"))
                .or_default();
        } else if let Some(rule) = line.strip_prefix("-A ") {
            let (chain, rule) = rule.split_once(' ').unwrap();
            let chain = format!("{program} {table} {chain}");
            chains.entry(chain).or_insert_with(Vec::new).push(rule);
        }
    }
    chains
}

fn saved(host: &Namespace, kind: &str) -> String {
    host.shell(&format!(
        "echo '# iptables-save'; iptables-{kind}-save; echo '# ip6tables-save'; ip6tables-{kind}-save"
    ))
}

#[test]
fn the_document_shows_the_chains_and_explains_each() {
    let rendered = Iptables::render(&sample()).unwrap();
    let shown = DOCUMENT.split("```iptables\n").nth(1).unwrap();
    let shown = shown.split("```").next().unwrap();
    assert_eq!(shown, rendered, "docs/firewall.md should show:\n{rendered}");

    let mentioned = rendered.lines().filter_map(|line| line.strip_prefix(':'));
    for chain in mentioned.map(|line| line.split(' ').next().unwrap()) {
        let kind = ["RNET-TO-", "RNET-ONE-", "RNET-ANY-"]
            .into_iter()
            .find(|kind| chain.starts_with(kind));
        let explained = format!("- **{}", kind.unwrap_or(chain));
        assert!(
            DOCUMENT.contains(&explained),
            "docs/firewall.md should say {explained}"
        );
    }
}

#[test]
fn the_kernel_holds_what_the_document_shows_by_every_way_there() {
    for (backend, kind) in BOTH {
        let Some((host, firewall)) = bare_host(backend) else {
            return;
        };
        let rendered = Iptables::render(&sample()).unwrap();
        let mut other = policy(&[
            ("0.0.0.0:8080", "tcp", "172.25.0.9:80"),
            ("[2001:db8::1]:53", "udp", "[fd25::3]:53"),
            ("0.0.0.0:38412", "sctp", "172.25.0.3:38412"),
        ]);
        other.networks.insert(network("br-zz"));
        let nothing = FirewallPolicy::default();
        for step in [&sample(), &other, &sample(), &nothing, &other, &sample()] {
            firewall.apply(step).unwrap();
        }
        assert_eq!(chains(&saved(&host, kind)), chains(&rendered), "{kind}");
    }
}

#[test]
fn what_others_flush_or_put_in_the_way_is_written_again() {
    for (backend, kind) in BOTH {
        let Some((host, firewall)) = bare_host(backend) else {
            return;
        };
        let mut more = sample();
        firewall.apply(&sample()).unwrap();
        let whole = saved(&host, kind);
        for damage in [
            "-F",
            "-t nat -F",
            "-F RNET-FORWARD",
            "-D FORWARD -j RNET-FORWARD",
            "-t nat -F RNET-RETURN",
            "-t nat -D RNET-PUBLISHED 1",
        ] {
            host.shell(&format!("iptables-{kind} {damage}"));
            firewall.apply(&sample()).unwrap();
            if !damage.ends_with('1') {
                assert_eq!(chains(&saved(&host, kind)), chains(&whole), "{damage}");
            }
            host.shell(&format!("ip6tables-{kind} {damage}"));
            more.networks.insert(network("br-more"));
            firewall.apply(&more).unwrap();
            firewall.restore(&sample()).unwrap();
            assert_eq!(chains(&saved(&host, kind)), chains(&whole), "{damage}");
        }
    }
}

#[test]
fn chains_of_others_stay_and_ours_go_without_a_trace() {
    for (backend, kind) in BOTH {
        let Some((host, firewall)) = bare_host(backend) else {
            return;
        };
        host.shell(&format!(
            "for program in iptables-{kind} ip6tables-{kind}; do
                for table in raw mangle nat filter; do $program -t $table -N THEIRS; done
                $program -A FORWARD -j THEIRS
                $program -t nat -A PREROUTING -m addrtype --dst-type LOCAL -j THEIRS
            done"
        ));
        let before = saved(&host, kind);
        firewall.apply(&sample()).unwrap();
        assert_ne!(chains(&saved(&host, kind)), chains(&before));
        firewall.remove().unwrap();
        firewall.remove().unwrap();
        assert_eq!(chains(&saved(&host, kind)), chains(&before), "{kind}");
    }
}

#[test]
fn the_users_chain_is_made_once_and_never_touched() {
    for (backend, kind) in BOTH {
        let Some((host, firewall)) = bare_host(backend) else {
            return;
        };
        firewall.apply(&sample()).unwrap();
        let rule = "RNET-USER -s 198.51.100.0/24 -j DROP";
        host.shell(&format!("iptables-{kind} -t mangle -A {rule}"));
        firewall.apply(&FirewallPolicy::default()).unwrap();
        firewall.restore(&sample()).unwrap();
        firewall.remove().unwrap();
        let left = saved(&host, kind);
        let rules: Vec<_> = left.lines().filter(|line| line.contains("RNET")).collect();
        let jump = "-A PREROUTING -j RNET-USER";
        let expected = [":RNET-USER - [0:0]", jump, &format!("-A {rule}")];
        assert_eq!(rules, expected, "{kind}: in force still");
    }
}

#[test]
fn a_backend_takes_the_place_of_the_one_before() {
    let backends = [
        Backend::IptablesLegacy,
        Backend::Nftables,
        Backend::IptablesNft,
        Backend::IptablesLegacy,
        Backend::IptablesNft,
        Backend::Nftables,
    ];
    let Some((host, _)) = bare_host(Backend::IptablesNft) else {
        return;
    };
    for backend in backends {
        host.run(|| {
            let firewall = backend.open().unwrap();
            firewall.apply(&sample()).unwrap();
            firewall.supersede().unwrap();
        });
        let stands = [
            (
                Backend::Nftables,
                host.nft(&["list", "tables"], "").contains("inet rnet"),
            ),
            (Backend::IptablesNft, saved(&host, "nft").contains("RNET")),
            (
                Backend::IptablesLegacy,
                saved(&host, "legacy").contains("RNET"),
            ),
        ];
        for (other, stands) in stands {
            assert_eq!(stands, other == backend, "{other:?} after {backend:?}");
        }
    }
}

#[test]
fn whoever_watches_is_told_what_others_delete_and_nothing_else() {
    let Some((host, firewall)) = bare_host(Backend::IptablesNft) else {
        return;
    };
    let mut watch = firewall.watch().unwrap().unwrap();
    firewall.apply(&sample()).unwrap();
    firewall.apply(&FirewallPolicy::default()).unwrap();
    assert!(!watch.changed().unwrap(), "rnet's own changes");
    host.shell("iptables-nft -N THEIRS && iptables-nft -X THEIRS");
    assert!(!watch.changed().unwrap(), "others' own chains");
    let user = "iptables-nft -t mangle";
    host.shell(&format!(
        "{user} -A RNET-USER -j RETURN && {user} -F RNET-USER"
    ));
    assert!(!watch.changed().unwrap(), "the user's own rules");
    for damage in [
        "iptables-nft -F FORWARD",
        "ip6tables-nft -t nat -F",
        "nft flush ruleset",
    ] {
        host.shell(damage);
        let mut bell = [PollFd::new(watch.as_fd(), PollFlags::POLLIN)];
        assert_eq!(poll(&mut bell, PollTimeout::from(5000_u16)).unwrap(), 1);
        assert!(watch.changed().unwrap(), "{damage}");
        firewall.restore(&sample()).unwrap();
        assert!(!watch.changed().unwrap(), "repaired after {damage}");
    }
}
