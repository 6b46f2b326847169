//! Names, as programs in containers ask for them.

use anyhow::Result;
use rnet_tests::eventually;

use crate::{address, cut_off, end, idle, on_lab, reaches};

#[test]
fn a_container_has_every_name_it_was_given_on_its_networks() -> Result<()> {
    on_lab(|lab| {
        lab.host("rnet network create front")?;
        lab.host("rnet network create back")?;
        idle(lab, "db", "--network back --network-alias database")?;
        idle(lab, "web", "--network front")?;
        assert!(cut_off(lab, "web", "db")?);
        lab.host("rnet network connect --alias shop back web")?;
        let id = lab.host("rnet inspect -f '{{.Id}}' db")?;
        for name in ["db", "database", "db.back", "DATABASE", &id[..12]] {
            assert!(reaches(lab, "web", name)?, "{name}");
        }
        assert!(reaches(lab, "db", "shop")? && reaches(lab, "db", "web")?);
        assert!(cut_off(lab, "db", "web.front")?);
        lab.host("rnet network disconnect back web")?;
        assert!(cut_off(lab, "web", "db")?);
        assert!(cut_off(lab, "db", "shop")?);
        Ok(())
    })
}

#[test]
fn an_address_has_a_name() -> Result<()> {
    on_lab(|lab| {
        lab.host("rnet network create mynet")?;
        idle(lab, "c1", "--network mynet")?;
        idle(lab, "c2", "--network mynet")?;
        let found = lab.host(&format!(
            "rnet exec c1 nslookup {}",
            address(lab, "c2", "mynet")?
        ))?;
        assert!(found.contains("c2.mynet"), "{found}");
        Ok(())
    })
}

#[test]
fn names_of_the_world_are_asked_for_outside() -> Result<()> {
    on_lab(|lab| {
        lab.host("rnet network create mynet")?;
        for flags in ["--network mynet", "", "--network host"] {
            idle(lab, "c1", flags)?;
            let found = lab.host("rnet exec c1 nslookup -type=a www.example")?;
            assert!(found.contains("203.0.113.7"), "{flags}: {found}");
            lab.host("rnet rm -f c1")?;
        }
        Ok(())
    })
}

#[test]
fn a_container_may_be_a_name_server_itself() -> Result<()> {
    on_lab(|lab| {
        lab.host("rnet network create mynet")?;
        idle(lab, "own", "--network mynet")?;
        idle(lab, "other", "--network mynet")?;
        let sandbox = lab.host("rnet inspect -f '{{.NetworkSettings.SandboxKey}}' own")?;
        lab.host(&format!(
            "nsenter --net={sandbox} rnet-lab name-server 0.0.0.0 >/dev/null 2>&1 &"
        ))?;
        let ask = format!(
            "rnet exec other nslookup -type=a www.example {}",
            address(lab, "own", "mynet")?
        );
        assert!(eventually(|| lab.host(&ask))?.contains("203.0.113.7"));
        assert!(
            reaches(lab, "own", "other")?,
            "its own resolver is disturbed"
        );
        end(lab, "name-server 0.0.0.0")
    })
}
