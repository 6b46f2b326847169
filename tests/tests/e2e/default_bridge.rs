//! The network `bridge` as the daemon's configuration has it.

use anyhow::Result;
use rnet_tests::WHOAMI;

use crate::{address, cut_off, idle, is_shut, on_lab, page, reaches, serve};

#[test]
fn the_default_bridge_is_as_configured_at_every_start() -> Result<()> {
    on_lab(|lab| {
        lab.stop_netd()?;
        lab.start_netd_with(
            "--bip 172.30.0.1/16 --fixed-cidr 172.30.9.0/24 --mtu 1400 --icc=false --ip 127.0.0.1 \
             --ipv6 --bip6 fd30::1/64",
        )?;
        serve(lab, "c1", "-p 8080:80")?;
        idle(lab, "c2", "")?;
        let own = address(lab, "c1", "bridge")?;
        assert!(own.starts_with("172.30.9."), "{own}");
        assert!(cut_off(lab, "c2", &own)?);
        assert!(reaches(lab, "c2", "172.30.0.1")? && reaches(lab, "c2", "fd30::1")?);
        assert!(
            lab.host("rnet exec c1 ip link show eth0")?
                .contains("mtu 1400")
        );
        assert_eq!(page(lab, "host", "http://127.0.0.1:8080/")?, "c1");
        assert!(is_shut(lab, "outside", "http://192.0.2.1:8080/"));
        // containers on it keep it as it is
        lab.restart_netd()?;
        assert_eq!(address(lab, "c1", "bridge")?, own);
        lab.host("rnet stop -t 0 c1 c2")?;
        lab.restart_netd()?;
        lab.host("rnet start c1 c2")?;
        assert!(reaches(lab, "c2", &address(lab, "c1", "bridge")?)?);
        assert!(!address(lab, "c1", "bridge")?.starts_with("172.30.9."));
        Ok(())
    })
}

#[test]
fn without_a_default_bridge_containers_have_no_network() -> Result<()> {
    on_lab(|lab| {
        lab.stop_netd()?;
        lab.start_netd_with("--bridge none")?;
        assert!(lab.try_host("ip link show rnet0")?.code != 0);
        lab.try_host("rnet network inspect bridge")?.failure(1)?;
        assert_eq!(lab.host("rnet run --rm busybox ls /sys/class/net")?, "lo");
        lab.host("rnet network create own")?;
        assert_eq!(
            lab.host(&format!(
                "rnet run --rm --network own busybox wget -qO- {WHOAMI}"
            ))?,
            "you are 192.0.2.1"
        );
        lab.host("rnet network rm own")?;
        lab.stop_netd()?;
        lab.start_netd()
    })
}

#[test]
fn the_default_bridge_may_be_one_the_host_has() -> Result<()> {
    on_lab(|lab| {
        lab.stop_netd()?;
        lab.host("ip link add lan0 up type bridge && ip address add 10.7.0.9/24 dev lan0")?;
        lab.start_netd_with("--bridge lan0")?;
        idle(lab, "c1", "")?;
        assert!(address(lab, "c1", "bridge")?.starts_with("10.7.0."));
        assert!(reaches(lab, "c1", "10.7.0.9")?);
        lab.host("rnet rm -f c1")?;
        lab.stop_netd()?;
        assert!(
            lab.host("ip -o address show dev lan0")?
                .contains("10.7.0.9/24")
        );
        lab.start_netd()?;
        lab.host("ip link delete lan0").map(drop)
    })
}
