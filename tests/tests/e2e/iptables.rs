//! The same machine with the other packet filter: `netd --firewall iptables`.

use anyhow::{Result, ensure};
use rnet_tests::{Lab, eventually};

use crate::{address, cut_off, idle, is_shut, on_lab_with, page, reaches, serve};

const IPTABLES: &str = "--firewall iptables";
const URL: &str = "http://192.0.2.1:8080/";

/// Whether anything of rnet's is in iptables, and in nftables.
fn traces(lab: &Lab) -> Result<(bool, bool)> {
    let iptables = lab.host("iptables-save; ip6tables-save")?;
    let nftables = lab.host("nft list tables")?;
    Ok((
        iptables.contains("RNET-"),
        nftables.contains("table inet rnet"),
    ))
}

#[test]
fn by_iptables_a_published_port_is_reached_from_everywhere() -> Result<()> {
    on_lab_with(IPTABLES, |lab| {
        lab.host("rnet network create other")?;
        serve(lab, "c1", "-p 8080:80 -p 9000-9002:80-82")?;
        idle(lab, "neighbour", "")?;
        idle(lab, "stranger", "--network other")?;
        for machine in ["outside", "host", "neighbour", "stranger", "c1"] {
            assert_eq!(page(lab, machine, URL)?, "c1", "{machine}");
        }
        assert_eq!(page(lab, "host", "http://127.0.0.1:8080/")?, "c1");
        assert_eq!(page(lab, "outside", "http://192.0.2.1:9000/")?, "c1");
        assert_eq!(traces(lab)?, (true, false));
        assert!(lab.host("rnet info")?.contains("FirewallBackend: iptables"));
        lab.host("rnet rm -f c1")?;
        assert!(is_shut(lab, "outside", URL));
        Ok(())
    })
}

#[test]
fn by_iptables_networks_are_apart_and_internal_ones_closed() -> Result<()> {
    on_lab_with(IPTABLES, |lab| {
        lab.host("rnet network create one")?;
        lab.host("rnet network create --internal cellar")?;
        serve(lab, "c1", "--network one -p 8080:80")?;
        idle(lab, "c2", "--network one")?;
        serve(lab, "c3", "--network cellar")?;
        idle(lab, "c4", "--network cellar")?;
        assert_eq!(page(lab, "c2", "http://c1/")?, "c1");
        assert_eq!(page(lab, "c4", "http://c3/")?, "c3");
        assert!(reaches(lab, "c2", "192.0.2.2")?);
        assert!(cut_off(lab, "c4", "192.0.2.2")?);
        let (one, cellar) = (address(lab, "c1", "one")?, address(lab, "c3", "cellar")?);
        for (from, to) in [("outside", &one), ("outside", &cellar), ("c2", &cellar)] {
            let closed = is_shut(lab, from, &format!("http://{to}/"));
            assert!(closed, "{from} reaches {to}");
        }
        Ok(())
    })
}

#[test]
fn what_others_flush_is_there_again_at_once_and_their_rules_stay() -> Result<()> {
    on_lab_with(IPTABLES, |lab| {
        serve(lab, "c1", "-p 8080:80")?;
        lab.host("iptables -N THEIRS; iptables -A INPUT -j THEIRS")?;
        lab.host("iptables -t mangle -A RNET-USER -p tcp --dport 8080 -i eth0 -j DROP")?;
        assert!(is_shut(lab, "outside", URL), "by the user's rule");
        lab.host("iptables -t mangle -F RNET-USER")?;
        assert_eq!(page(lab, "outside", URL)?, "c1");
        lab.host("iptables -t nat -F; iptables -F FORWARD")?;
        eventually(|| {
            let saved = lab.host("iptables-save")?;
            let jumps = ["-A FORWARD -j RNET-FORWARD", "--dport 8080 -j DNAT"];
            ensure!(jumps.iter().all(|rule| saved.contains(rule)), "{saved}");
            page(lab, "outside", URL)
        })?;
        assert!(lab.host("iptables-save")?.contains("-A INPUT -j THEIRS"));
        lab.host("iptables -F INPUT; iptables -X THEIRS").map(drop)
    })
}

#[test]
fn a_restart_with_another_backend_leaves_nothing_of_the_one_before() -> Result<()> {
    on_lab_with(IPTABLES, |lab| {
        serve(lab, "c1", "-p 8080:80")?;
        for (backend, stands) in [
            ("nftables", (false, true)),
            ("iptables", (true, false)),
            ("nftables", (false, true)),
            ("iptables", (true, false)),
        ] {
            lab.kill_netd()?;
            lab.start_netd_with(&format!("--firewall {backend}"))?;
            assert_eq!(traces(lab)?, stands, "{backend}");
            assert_eq!(page(lab, "outside", URL)?, "c1", "{backend}");
        }
        Ok(())
    })
}
