//! What Docker's two firewall backends write for published ports: a list of rules, one after the other.
//!
//! The shapes are those of moby's documented rules (`integration/network/bridge/iptablesdoc`, `…/nftablesdoc`). Docker
//! runs iptables twice for each rule; here one `iptables-restore` adds all of them, which is the best one could do.

use std::fmt::Write;

use anyhow::Result;

use crate::peer::Program;
use crate::published::{BRIDGE, Port};

/// Somebody who keeps rules for published ports.
pub(crate) enum Backend {
    /// `iptables-nft-restore` or `iptables-legacy-restore`.
    Iptables(Program),
    /// `nft -f`.
    Nft(Program),
}

impl Backend {
    pub(crate) fn iptables(flavour: &str) -> Result<Self> {
        Program::named(&format!("iptables-{flavour}-restore"), "iptables").map(Self::Iptables)
    }

    pub(crate) fn nft() -> Result<Self> {
        Program::named("nft", "nftables").map(Self::Nft)
    }

    /// Makes the rules of one network with these ports, whatever there was.
    pub(crate) fn write(&self, ports: &[Port]) -> Result<()> {
        match self {
            Self::Iptables(restore) => {
                let rules = iptables(&IPTABLES_NETWORK, ports);
                restore.run(&["-w"], &rules).map(drop)
            }
            Self::Nft(nft) => {
                let begin = "table ip docker-bridges\ndelete table ip docker-bridges\n";
                let rules = format!("{begin}{NFT_NETWORK}{}", nft_chains(ports));
                nft.run(&["-f", "-"], &rules).map(drop)
            }
        }
    }

    /// Adds ports to those that there are, in one transaction.
    pub(crate) fn add(&self, present: &[Port], added: &[Port]) -> Result<()> {
        match self {
            Self::Iptables(restore) => {
                let rules = iptables(&["", ""], added);
                restore.run(&["-w", "--noflush"], &rules).map(drop)
            }
            // Docker flushes each chain that changes, and writes it anew
            Self::Nft(nft) => {
                let flush = "flush chain ip docker-bridges nat-prerouting-and-output\n\
                             flush chain ip docker-bridges filter-forward-in__bench0\n";
                let rules = flush.to_owned() + &nft_chains(&[present, added].concat());
                nft.run(&["-f", "-"], &rules).map(drop)
            }
        }
    }
}

const IPTABLES_NETWORK: [&str; 2] = [
    ":DOCKER - [0:0]
-A PREROUTING -m addrtype --dst-type LOCAL -j DOCKER
-A OUTPUT ! -d 127.0.0.0/8 -m addrtype --dst-type LOCAL -j DOCKER
-A POSTROUTING -s 172.25.0.0/16 ! -o bench0 -j MASQUERADE
",
    ":DOCKER - [0:0]
-A FORWARD -o bench0 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A FORWARD -o bench0 -j DOCKER
-A FORWARD -i bench0 -j ACCEPT
-A DOCKER ! -i bench0 -o bench0 -j DROP
",
];

fn iptables([nat, filter]: &[&str; 2], ports: &[Port]) -> String {
    let mut rules = format!("*nat\n{nat}");
    for Port { host, target } in ports {
        let _ = writeln!(
            rules,
            "-A DOCKER ! -i {BRIDGE} -p tcp --dport {host} -j DNAT --to-destination {target}:80\n\
             -A POSTROUTING -s {target}/32 -d {target}/32 -p tcp --dport 80 -j MASQUERADE"
        );
    }
    let _ = write!(rules, "COMMIT\n*filter\n{filter}");
    for Port { target, .. } in ports {
        let _ = writeln!(
            rules,
            "-I DOCKER -d {target}/32 ! -i {BRIDGE} -o {BRIDGE} -p tcp --dport 80 -j ACCEPT"
        );
    }
    rules + "COMMIT\n"
}

const NFT_NETWORK: &str = r#"table ip docker-bridges {
    chain filter-forward-in__bench0 { }
    chain filter-forward-out__bench0 { ct state established,related accept; accept; }
    chain nat-prerouting-and-output { }
    chain nat-postrouting-out__bench0 { oifname != "bench0" ip saddr 172.25.0.0/16 masquerade; }
    map filter-forward-in-jumps { type ifname : verdict; elements = { "bench0" : jump filter-forward-in__bench0 }; }
    map filter-forward-out-jumps { type ifname : verdict; elements = { "bench0" : jump filter-forward-out__bench0 }; }
    map nat-postrouting-out-jumps { type ifname : verdict; elements = { "bench0" : jump nat-postrouting-out__bench0 }; }
    chain filter-FORWARD {
        type filter hook forward priority filter; policy accept;
        oifname vmap @filter-forward-in-jumps
        iifname vmap @filter-forward-out-jumps
    }
    chain nat-PREROUTING {
        type nat hook prerouting priority dstnat; policy accept;
        fib daddr type local jump nat-prerouting-and-output
    }
    chain nat-OUTPUT {
        type nat hook output priority -100; policy accept;
        ip daddr != 127.0.0.0/8 fib daddr type local jump nat-prerouting-and-output
    }
    chain nat-POSTROUTING {
        type nat hook postrouting priority srcnat; policy accept;
        iifname vmap @nat-postrouting-out-jumps
    }
}
"#;

/// The two chains that list every port.
fn nft_chains(ports: &[Port]) -> String {
    let mut rules = String::from("table ip docker-bridges {\nchain nat-prerouting-and-output {\n");
    for Port { host, target } in ports {
        let _ = writeln!(
            rules,
            "iifname != \"{BRIDGE}\" tcp dport {host} dnat to {target}:80"
        );
    }
    let _ = writeln!(
        rules,
        "}}\nchain filter-forward-in__{BRIDGE} {{\nct state established,related accept\niifname \"{BRIDGE}\" accept"
    );
    for Port { target, .. } in ports {
        let _ = writeln!(rules, "ip daddr {target} tcp dport 80 accept");
    }
    rules + "drop\n}\n}\n"
}
