//! The bridge driver's options, at work.

use anyhow::Result;
use rnet_tests::WHOAMI;

use crate::{address, cut_off, idle, is_shut, on_lab, page, serve};

const OPTION: &str = "com.docker.network.bridge";

#[test]
fn without_inter_container_communication_there_is_only_the_way_out() -> Result<()> {
    on_lab(|lab| {
        lab.host(&format!(
            "rnet network create --opt {OPTION}.enable_icc=false quiet"
        ))?;
        serve(lab, "c1", "--network quiet -p 8080:80")?;
        idle(lab, "c2", "--network quiet")?;
        assert!(cut_off(lab, "c2", "c1")?);
        assert!(cut_off(lab, "c1", &address(lab, "c2", "quiet")?)?);
        assert_eq!(page(lab, "c2", WHOAMI)?, "you are 192.0.2.1");
        assert_eq!(page(lab, "outside", "http://192.0.2.1:8080/")?, "c1");
        Ok(())
    })
}

#[test]
fn without_masquerade_the_outside_sees_the_container() -> Result<()> {
    on_lab(|lab| {
        lab.host(&format!(
            "rnet network create --opt {OPTION}.enable_ip_masquerade=false plain"
        ))?;
        idle(lab, "c1", "--network plain")?;
        idle(lab, "c2", "")?;
        let own = address(lab, "c1", "plain")?;
        assert_eq!(page(lab, "c1", WHOAMI)?, format!("you are {own}"));
        assert_eq!(page(lab, "c2", WHOAMI)?, "you are 192.0.2.1");
        Ok(())
    })
}

#[test]
fn names_sizes_and_bindings_are_as_asked_for() -> Result<()> {
    on_lab(|lab| {
        lab.host(&format!(
            "rnet network create --opt {OPTION}.name=brown --opt com.docker.network.driver.mtu=1400 \
             --opt {OPTION}.host_binding_ipv4=127.0.0.1 custom"
        ))?;
        lab.host("ip link show brown")?;
        serve(lab, "c1", "--network custom -p 8080:80")?;
        assert!(
            lab.host("rnet exec c1 ip link show eth0")?
                .contains("mtu 1400")
        );
        assert_eq!(page(lab, "host", "http://127.0.0.1:8080/")?, "c1");
        assert!(is_shut(lab, "outside", "http://192.0.2.1:8080/"));
        Ok(())
    })
}

#[test]
fn an_option_that_is_not_understood_is_refused() -> Result<()> {
    on_lab(|lab| {
        for option in [
            format!("{OPTION}.enable_icc=perhaps"),
            "com.docker.network.driver.mtu=big".into(),
        ] {
            let line = format!("rnet network create --opt {option} bad");
            assert!(
                lab.try_host(&line)?
                    .failure(1)?
                    .contains(option.split_once('=').unwrap_or_default().1)
            );
        }
        Ok(())
    })
}
