//! What somebody takes off a network's bridge comes back by itself.

use anyhow::{Result, ensure};
use rnet_tests::{Lab, eventually};

use crate::{idle, on_lab, page, reaches, serve};

const NAME: &str = "com.docker.network.bridge.name";

fn on_shop(story: impl FnOnce(&mut Lab) -> Result<()>) -> Result<()> {
    on_lab(|lab| {
        lab.host(&format!(
            "rnet network create --ipv6 --subnet 172.30.0.0/24 --subnet fd30::/64 --opt {NAME}=shop shop"
        ))?;
        serve(lab, "c1", "--network shop -p 8080:80")?;
        story(lab)?;
        lab.host("rnet rm -f c1 && rnet network rm shop")?;
        // and nothing of a network that is gone comes back
        ensure!(lab.try_host("ip link show shop")?.code != 0);
        Ok(())
    })
}

fn works(lab: &Lab) -> Result<()> {
    for gateway in ["172.30.0.1", "fd30::1"] {
        ensure!(reaches(lab, "c1", gateway)?, "{gateway} is not reached");
    }
    ensure!(page(lab, "outside", "http://192.0.2.1:8080/")? == "c1");
    Ok(())
}

#[test]
fn an_address_that_somebody_takes_off_a_bridge_comes_back() -> Result<()> {
    on_shop(|lab| {
        for address in ["172.30.0.1/24", "fd30::1/64"] {
            lab.host(&format!("ip address del {address} dev shop"))?;
            eventually(|| works(lab))?;
        }
        lab.host("ip address flush dev shop")?;
        eventually(|| works(lab))
    })
}

#[test]
fn a_bridge_that_somebody_deletes_or_puts_down_comes_back_with_its_ports() -> Result<()> {
    on_shop(|lab| {
        idle(lab, "c2", "--network shop")?;
        for damage in ["ip link delete shop", "ip link set shop down"] {
            lab.host(damage)?;
            eventually(|| works(lab))?;
            assert!(reaches(lab, "c2", "c1")? && reaches(lab, "c1", "c2")?);
        }
        lab.host("rnet rm -f c2").map(drop)
    })
}

#[test]
fn a_daemon_that_ends_brings_nothing_back() -> Result<()> {
    on_lab(|lab| {
        lab.host(&format!("rnet network create --opt {NAME}=shop shop"))?;
        lab.stop_netd()?;
        assert_ne!(lab.try_host("ip link show shop")?.code, 0);
        lab.start_netd()?;
        lab.host("rnet network rm shop").map(drop)
    })
}
