//! The MTU of networks follows the host's way out.

use anyhow::{Result, ensure};
use rnet_tests::{Lab, eventually};

use crate::{idle, on_lab};

fn has_mtu(lab: &Lab, line: &str, mtu: u32) -> Result<()> {
    eventually(|| {
        let link = lab.host(line)?;
        ensure!(link.contains(&format!("mtu {mtu} ")), "{link}");
        Ok(())
    })
}

#[test]
fn links_on_both_sides_follow_the_way_out_unless_they_were_fixed() -> Result<()> {
    on_lab(|lab| {
        let name = "--opt com.docker.network.bridge.name";
        lab.host(&format!("rnet network create --ipv6 {name}=follow follow"))?;
        lab.host(&format!(
            "rnet network create {name}=fixed --opt com.docker.network.driver.mtu=1470 fixed"
        ))?;
        idle(lab, "c1", "--network follow --network fixed")?;
        let bridge = "ip link show follow";
        let port = "ip link show master follow";
        let inside = "rnet exec c1 ip link show eth0";
        for mtu in [1400, 1450, 1500] {
            lab.host(&format!("ip link set eth0 mtu {mtu}"))?;
            for line in [bridge, port, inside] {
                has_mtu(lab, line, mtu)?;
            }
        }
        has_mtu(lab, "ip link show fixed", 1470)?;
        // what was followed is on record
        lab.host("ip link set eth0 mtu 1420")?;
        has_mtu(lab, inside, 1420)?;
        lab.restart_netd()?;
        idle(lab, "c2", "--network follow")?;
        has_mtu(lab, "rnet exec c2 ip link show eth0", 1420)?;
        // what changed while no daemon ran is followed at the start
        lab.kill_netd()?;
        lab.host("ip link set eth0 mtu 1380")?;
        lab.start_netd()?;
        for line in [bridge, inside] {
            has_mtu(lab, line, 1380)?;
        }
        lab.host("ip link set eth0 mtu 1500").map(drop)
    })
}

#[test]
fn another_way_out_is_followed_and_none_is_not() -> Result<()> {
    on_lab(|lab| {
        lab.host("rnet network create --opt com.docker.network.bridge.name=follow follow")?;
        let way_out = lab.host("ip route show default")?;
        lab.host("ip link add tun7 mtu 1320 up type veth peer name tun8 && ip link set tun8 up")?;
        lab.host("ip address add 198.51.100.1/30 dev tun7")?;
        lab.host("ip route add 128.0.0.0/1 via 198.51.100.2 dev tun7")?;
        has_mtu(lab, "ip link show follow", 1320)?;
        lab.host("ip link set tun7 mtu 1340")?;
        has_mtu(lab, "ip link show follow", 1340)?;
        lab.host("ip route delete default && ip link delete tun7 && rnet network create other")?;
        has_mtu(lab, "ip link show follow", 1340)?;
        lab.host(&format!("ip route add {way_out}"))?;
        has_mtu(lab, "ip link show follow", 1500)
    })
}
