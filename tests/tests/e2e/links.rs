//! Names that containers have for each other on the default network, and names that change.

use anyhow::{Result, ensure};
use rnet_tests::eventually;

use crate::{address, cut_off, idle, on_lab, reaches};

#[test]
fn a_link_on_the_default_network_follows_the_container_it_names() -> Result<()> {
    on_lab(|lab| {
        idle(lab, "db", "")?;
        idle(lab, "web", "--link db:database")?;
        let line = |name: &str| lab.host(&format!("rnet exec web grep -w {name} /etc/hosts"));
        for name in ["database", "db"] {
            ensure!(
                line(name)?.starts_with(&address(lab, "db", "bridge")?),
                "{name}"
            );
        }
        assert!(reaches(lab, "web", "database")?);
        assert_eq!(
            lab.host("rnet inspect -f '{{json .HostConfig.Links}}' web")?,
            r#"["/db:/web/database"]"#
        );
        lab.host("rnet stop -t 0 db")?;
        idle(lab, "other", "")?;
        lab.host("rnet start db")?;
        ensure!(line("database")?.starts_with(&address(lab, "db", "bridge")?));
        lab.host("rnet rename db store")?;
        ensure!(line("store")?.starts_with(&address(lab, "store", "bridge")?));
        assert!(line("db").is_err());
        assert!(reaches(lab, "web", "database")?);
        lab.host("rnet stop -t 0 web store")?;
        let refusal = lab.try_host("rnet start web")?.failure(1)?;
        let words = "Cannot link to a non running container: /store AS /web/database";
        ensure!(refusal.contains(words), "{refusal}");
        let refusal = lab
            .try_host("rnet run -d --link nobody busybox true")?
            .failure(125)?;
        ensure!(
            refusal.contains("could not get container for nobody"),
            "{refusal}"
        );
        Ok(())
    })
}

#[test]
fn a_new_name_is_known_everywhere_and_told() -> Result<()> {
    on_lab(|lab| {
        lab.host("rnet network create n")?;
        idle(lab, "c1", "--network n --network-alias web")?;
        idle(lab, "c2", "--network n")?;
        lab.host("rnet events >/tmp/events 2>&1 & echo $! >/tmp/listener")?;
        // listens once something that happens is in the file
        eventually(|| {
            lab.host("rnet network create marker && rnet network rm marker")?;
            lab.host("grep marker /tmp/events")
        })?;
        lab.host("rnet rename c1 first")?;
        assert!(reaches(lab, "c2", "first")? && reaches(lab, "c2", "web")?);
        assert!(cut_off(lab, "c2", "c1")?);
        let inspected = lab.host("rnet network inspect n")?;
        ensure!(
            inspected.contains(r#""first""#) && !inspected.contains(r#""c1""#),
            "{inspected}"
        );
        let names =
            lab.host("rnet inspect -f '{{json .NetworkSettings.Networks.n.DNSNames}}' first")?;
        ensure!(names.starts_with(r#"["first","web","#), "{names}");
        lab.host("rnet network disconnect n first")?;
        lab.host("rnet network connect n first")?;
        for told in [
            "container rename",
            "oldName=/c1",
            "network disconnect",
            "network connect",
        ] {
            eventually(|| lab.host(&format!("grep -e '{told}' /tmp/events")))?;
        }
        lab.host("kill $(cat /tmp/listener); rm /tmp/events /tmp/listener")
            .map(drop)
    })
}
