//! Which addresses containers get, keep, and leave to others.

use anyhow::{Result, ensure};
use rnet_tests::Lab;

use crate::{address, end_ipv6_forwarding, idle, on_lab};

/// The last part of a container's address in the network `n`.
fn host_part(lab: &Lab, container: &str) -> Result<String> {
    let address = address(lab, container, "n")?;
    Ok(address.rsplit('.').next().unwrap_or_default().to_owned())
}

/// Starts a container on the network `n`; the last part of its address.
fn started(lab: &Lab, name: &str, flags: &str) -> Result<String> {
    idle(lab, name, &format!("--network n {flags}"))?;
    host_part(lab, name)
}

#[test]
fn a_freed_address_is_the_last_to_be_leased_again_even_by_the_next_daemon() -> Result<()> {
    on_lab(|lab| {
        lab.host("rnet network create --subnet 10.5.0.0/29 n")?;
        for (name, expected) in [("c2", "2"), ("c3", "3"), ("c4", "4")] {
            assert_eq!(started(lab, name, "")?, expected);
        }
        lab.host("rnet rm -f c4")?;
        lab.restart_netd()?;
        assert_eq!(started(lab, "c5", "")?, "5", "not what became free");
        lab.host("rnet rm -f c2")?;
        assert_eq!(started(lab, "c6", "")?, "6");
        // around the end, the lowest that is free
        assert_eq!(started(lab, "c7", "")?, "2");
        assert_eq!(started(lab, "c8", "")?, "4");
        let told = lab
            .try_host("rnet run -d --name c9 --network n busybox true")?
            .failure(125)?;
        let words = "no available IPv4 addresses on this network's address pools: n (";
        ensure!(told.contains(words), "{told}");
        Ok(())
    })
}

#[test]
fn a_container_that_starts_again_gets_the_address_it_had() -> Result<()> {
    on_lab(|lab| {
        lab.host("rnet network create --subnet 10.5.0.0/24 n")?;
        assert_eq!(started(lab, "c1", "")?, "2");
        lab.host("rnet stop -t 0 c1")?;
        assert_eq!(started(lab, "c2", "")?, "3");
        lab.restart_netd()?;
        lab.host("rnet start c1")?;
        assert_eq!(host_part(lab, "c1")?, "2");
        // which moves no mark back
        assert_eq!(started(lab, "c3", "")?, "4");
        Ok(())
    })
}

#[test]
fn the_configured_address_of_a_stopped_container_is_nobody_else_s() -> Result<()> {
    on_lab(|lab| {
        lab.host("rnet network create --subnet 10.5.0.0/29 --subnet fd00:5::/64 --ipv6 n")?;
        idle(lab, "own", "--network n --ip 10.5.0.3 --ip6 fd00:5::3")?;
        lab.host("rnet stop -t 0 own")?;
        lab.restart_netd()?;
        assert_eq!(started(lab, "c1", "")?, "2");
        assert_eq!(started(lab, "c2", "")?, "4");
        for fixed in ["--ip 10.5.0.3", "--ip6 fd00:5::3"] {
            let line = format!("rnet run -d --name late --network n {fixed} busybox sleep 1000");
            let told = lab.try_host(&line)?.failure(125)?;
            ensure!(told.contains("Address already in use"), "{told}");
            ensure!(told.contains("container own"), "{told}");
            lab.host("rnet rm late")?;
        }
        // a replacement is created beside its predecessor, as Compose does, and starts when that is gone
        lab.host("rnet create --name next --network n --ip 10.5.0.3 busybox sleep 1000")?;
        lab.host("rnet start own && rnet rm -f own && rnet start next")?;
        assert_eq!(host_part(lab, "next")?, "3");
        end_ipv6_forwarding(lab)
    })
}
