//! Networks that come and go while a container runs.

use anyhow::Result;

use crate::{address, cut_off, idle, on_lab, page, reaches, serve};

#[test]
fn a_running_container_gets_and_loses_networks() -> Result<()> {
    on_lab(|lab| {
        lab.host("rnet network create --subnet 172.25.0.0/16 one")?;
        lab.host("rnet network create two")?;
        serve(lab, "c1", "--network one")?;
        idle(lab, "c2", "--network two")?;
        for _ in 0..3 {
            lab.host("rnet network connect two c1")?;
            assert_eq!(page(lab, "c2", "http://c1/")?, "c1");
            assert_eq!(
                lab.host("rnet exec c1 ls /sys/class/net")?,
                "eth0\neth1\nlo"
            );
            lab.host("rnet network disconnect two c1")?;
            assert!(cut_off(lab, "c2", "c1")?);
            assert_eq!(lab.host("rnet exec c1 ls /sys/class/net")?, "eth0\nlo");
        }
        lab.host("rnet network connect --ip 172.25.3.4 one c2")?;
        assert_eq!(address(lab, "c2", "one")?, "172.25.3.4");
        Ok(())
    })
}

#[test]
fn the_way_out_moves_to_the_network_that_is_left() -> Result<()> {
    on_lab(|lab| {
        lab.host("rnet network create one")?;
        lab.host("rnet network create two")?;
        serve(lab, "c1", "--network one -p 8080:80")?;
        lab.host("rnet network connect two c1")?;
        lab.host("rnet network disconnect one c1")?;
        assert!(reaches(lab, "c1", "192.0.2.2")?);
        assert_eq!(page(lab, "outside", "http://192.0.2.1:8080/")?, "c1");
        Ok(())
    })
}

#[test]
fn a_container_keeps_its_networks_over_a_restart() -> Result<()> {
    on_lab(|lab| {
        lab.host("rnet network create one")?;
        lab.host("rnet network create two")?;
        serve(lab, "c1", "--network one -p 8080:80")?;
        lab.host("rnet network connect two c1")?;
        lab.host("rnet restart -t 0 c1")?;
        assert_eq!(
            lab.host("rnet exec c1 ls /sys/class/net")?,
            "eth0\neth1\nlo"
        );
        rnet_tests::eventually(|| page(lab, "outside", "http://192.0.2.1:8080/"))?;
        lab.host("rnet stop -t 0 c1")?;
        assert_eq!(lab.host("ls /run/rnet/netns")?, "");
        lab.host("rnet start c1")?;
        rnet_tests::eventually(|| page(lab, "outside", "http://192.0.2.1:8080/"))?;
        Ok(())
    })
}
