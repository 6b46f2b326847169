//! Names, as programs in containers ask for them.

use anyhow::Result;

use crate::{address, idle, on_lab, reaches};

#[test]
fn a_container_has_every_name_it_was_given_on_its_networks() -> Result<()> {
    on_lab(|lab| {
        lab.host("rnet network create front")?;
        lab.host("rnet network create back")?;
        idle(lab, "db", "--network back --network-alias database")?;
        idle(lab, "web", "--network front")?;
        assert!(!reaches(lab, "web", "db")?);
        lab.host("rnet network connect --alias shop back web")?;
        let id = lab.host("rnet inspect -f '{{.Id}}' db")?;
        for name in ["db", "database", "db.back", "DATABASE", &id[..12]] {
            assert!(reaches(lab, "web", name)?, "{name}");
        }
        assert!(reaches(lab, "db", "shop")? && reaches(lab, "db", "web")?);
        assert!(!reaches(lab, "db", "web.front")?);
        lab.host("rnet network disconnect back web")?;
        assert!(!reaches(lab, "web", "db")?);
        assert!(!reaches(lab, "db", "shop")?);
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
        lab.serve_names()?;
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
        idle(lab, "other", "--network mynet")?;
        lab.host(
            "rnet run -d --name own --network mynet busybox nc -u -l -p 53 -s 0.0.0.0 -e cat",
        )?;
        assert!(reaches(lab, "own", "other")?, "its resolver is disturbed");
        let heard = lab.host("rnet exec other sh -c 'echo hello | nc -u -w 1 own 53'")?;
        assert_eq!(heard, "hello");
        Ok(())
    })
}
