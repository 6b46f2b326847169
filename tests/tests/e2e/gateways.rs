//! Which network leads out, for each family, and what happens when that changes.

use anyhow::{Result, ensure};
use rnet_tests::{Lab, eventually};

use crate::{idle, is_shut, on_lab, page, reaches, serve};

#[test]
fn one_network_leads_out_for_ipv4_and_another_for_ipv6() -> Result<()> {
    on_lab(|lab| {
        lab.host("rnet network create --subnet 172.25.0.0/16 four")?;
        lab.host("rnet network create --ipv6 --subnet 172.26.0.0/16 --subnet fd00:26::/64 both")?;
        idle(
            lab,
            "c1",
            "--network name=four,gw-priority=1 --network both",
        )?;
        assert_eq!(
            ways_out(lab)?,
            [
                "default via 172.25.0.1 dev eth0",
                "default via fd00:26::1 dev eth1"
            ]
        );
        lab.host("rnet network disconnect four c1")?;
        assert_eq!(
            ways_out(lab)?,
            [
                "default via 172.26.0.1 dev eth1",
                "default via fd00:26::1 dev eth1"
            ]
        );
        lab.host("rnet network connect --gw-priority 1 four c1")?;
        assert_eq!(
            ways_out(lab)?,
            [
                "default via 172.25.0.1 dev eth0",
                "default via fd00:26::1 dev eth1"
            ]
        );
        lab.host("rnet network disconnect both c1")?;
        assert_eq!(ways_out(lab)?, ["default via 172.25.0.1 dev eth0", ""]);
        Ok(())
    })
}

#[test]
fn a_connection_lives_on_while_networks_come_and_go_and_the_way_out_moves() -> Result<()> {
    on_lab(|lab| {
        for network in ["alpha", "beta", "gamma"] {
            lab.host(&format!("rnet network create {network}"))?;
        }
        lab.serve_outside("busybox nc -l -p 7777 -e cat")?;
        idle(lab, "c1", "--network alpha")?;
        let talk =
            "(while :; do echo still here; usleep 50000; done) | nc 192.0.2.2 7777 >/tmp/echo";
        eventually(|| lab.outside("ss -ltn | grep :7777"))?;
        lab.host(&format!("rnet exec -d c1 sh -c '{talk}'"))?;
        grows(lab)?;
        for change in [
            "connect beta",
            "disconnect beta",
            // the way out moves away and back
            "connect --gw-priority 1 gamma",
            "disconnect gamma",
        ] {
            lab.host(&format!("rnet network {change} c1"))?;
            grows(lab).map_err(|error| error.context(change))?;
        }
        Ok(())
    })
}

#[test]
fn published_ports_follow_the_way_out() -> Result<()> {
    on_lab(|lab| {
        lab.host("rnet network create alpha")?;
        lab.host("rnet network create --internal inside")?;
        lab.host("rnet network create omega")?;
        serve(lab, "c1", "--network alpha -p 8080:80")?;
        for change in [
            "connect inside",
            "connect --gw-priority 9 omega",
            "disconnect alpha",
            "connect alpha",
            "disconnect omega",
            "disconnect inside",
        ] {
            lab.host(&format!("rnet network {change} c1"))?;
            assert_eq!(
                page(lab, "outside", "http://192.0.2.1:8080/")?,
                "c1",
                "{change}"
            );
            assert!(reaches(lab, "c1", "192.0.2.2")?, "{change}");
        }
        lab.host("rnet network disconnect alpha c1")?;
        assert!(is_shut(lab, "outside", "http://192.0.2.1:8080/"));
        lab.host("rnet network connect alpha c1")?;
        assert_eq!(page(lab, "outside", "http://192.0.2.1:8080/")?, "c1");
        Ok(())
    })
}

/// The default routes of `c1`, IPv4 first.
fn ways_out(lab: &Lab) -> Result<[String; 2]> {
    let route = |family| {
        let found = lab.host(&format!("rnet exec c1 ip {family} route show default"))?;
        let words: Vec<&str> = found.split_whitespace().take(5).collect();
        anyhow::Ok(words.join(" "))
    };
    Ok([route("-4")?, route("-6")?])
}

/// Waits until more has come back of what `c1` said to the machine outside.
fn grows(lab: &Lab) -> Result<()> {
    let lines = || {
        anyhow::Ok(
            lab.host("rnet exec c1 sh -c 'cat /tmp/echo | wc -l'")?
                .parse::<u32>()?,
        )
    };
    let before = lines()?;
    eventually(|| {
        let now = lines()?;
        ensure!(now > before + 2, "{now} lines, {before} before");
        Ok(())
    })
}
