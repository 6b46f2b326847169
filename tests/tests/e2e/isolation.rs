//! What cannot reach what.

use anyhow::Result;

use crate::{address, cut_off, idle, is_shut, on_lab, page, serve};

#[test]
fn networks_are_apart_in_both_directions() -> Result<()> {
    on_lab(|lab| {
        for (network, container) in [("red", "one"), ("blue", "two")] {
            lab.host(&format!("rnet network create {network}"))?;
            idle(lab, container, &format!("--network {network}"))?;
        }
        idle(lab, "three", "")?;
        let of = [("one", "red"), ("two", "blue"), ("three", "bridge")];
        for (one, _) in of {
            for (other, network) in of {
                let apart = cut_off(lab, one, &address(lab, other, network)?)?;
                assert_eq!(apart, one != other, "{one} to {other}");
            }
        }
        Ok(())
    })
}

#[test]
fn a_container_without_a_published_port_is_not_reached_from_outside() -> Result<()> {
    on_lab(|lab| {
        lab.host("rnet network create --subnet 172.25.0.0/16 apart")?;
        serve(lab, "c1", "--network apart --ip 172.25.0.9")?;
        // the machine outside has a route to it, by the lab host
        assert!(is_shut(lab, "outside", "http://172.25.0.9/"));
        assert_eq!(page(lab, "host", "http://172.25.0.9/")?, "c1");
        Ok(())
    })
}

#[test]
fn an_internal_network_has_no_way_out_or_in() -> Result<()> {
    on_lab(|lab| {
        lab.host("rnet network create --internal cellar")?;
        serve(lab, "c1", "--network cellar")?;
        idle(lab, "c2", "--network cellar")?;
        assert_eq!(page(lab, "c2", "http://c1/")?, "c1");
        assert!(cut_off(lab, "c1", "192.0.2.2")?);
        assert!(!lab.host("rnet exec c1 ip route")?.contains("default"));
        let inside = address(lab, "c1", "cellar")?;
        assert!(is_shut(lab, "outside", &format!("http://{inside}/")));
        Ok(())
    })
}

#[test]
fn a_container_sees_only_its_own_machine() -> Result<()> {
    on_lab(|lab| {
        idle(lab, "c1", "--hostname inner")?;
        assert_eq!(lab.host("rnet exec c1 hostname")?, "inner");
        assert_eq!(
            lab.host("rnet exec c1 cat /proc/1/cmdline | tr '\\0' ' '")?,
            "sleep 1000 "
        );
        assert!(!lab.host("rnet exec c1 ps")?.contains("netd"));
        assert_eq!(lab.host("rnet exec c1 ls /sys/class/net")?, "eth0\nlo");
        for forbidden in [
            "mount -t tmpfs none /tmp",
            "ip link set eth0 down",
            "echo 1 >/proc/sys/net/ipv4/ip_forward",
        ] {
            assert_ne!(
                lab.try_host(&format!("rnet exec c1 sh -c '{forbidden}'"))?
                    .code,
                0,
                "{forbidden}"
            );
        }
        Ok(())
    })
}

#[test]
fn host_and_none_are_what_they_say() -> Result<()> {
    on_lab(|lab| {
        idle(lab, "hosted", "--network host")?;
        assert_eq!(
            lab.host("rnet exec hosted readlink /proc/self/ns/net")?,
            lab.host("readlink /proc/self/ns/net")?
        );
        assert!(
            lab.host("rnet exec hosted ip address")?
                .contains("192.0.2.1/24")
        );
        idle(lab, "alone", "--network none")?;
        assert_eq!(lab.host("rnet exec alone ls /sys/class/net")?, "lo");
        assert!(cut_off(lab, "alone", "192.0.2.2")?);
        Ok(())
    })
}
