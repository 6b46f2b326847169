//! Which networks a list shows and a prune takes, and what is told of it to whoever listens.

use anyhow::{Result, ensure};
use rnet_tests::{Lab, eventually};

use crate::{idle, on_lab};

/// The names that `network ls` shows with these filters, in order.
fn listed(lab: &Lab, filters: &str) -> Result<String> {
    let names = lab.host(&format!(
        "rnet network ls --format '{{{{.Name}}}}' {filters}"
    ))?;
    Ok(names.lines().collect::<Vec<_>>().join(" "))
}

#[test]
fn lists_and_prunes_take_the_networks_that_fit_and_no_others() -> Result<()> {
    on_lab(|lab| {
        lab.host("rnet network create --label tier=front web")?;
        lab.host("rnet network create --label tier=back --internal db")?;
        lab.host("rnet network create --label keep used")?;
        idle(lab, "c1", "--network used")?;
        let id = lab.host("rnet network inspect -f '{{.Id}}' web")?;
        let own = format!("--filter id={}", &id[..12]);
        for (filters, found) in [
            ("", "bridge db host none used web"),
            ("--filter type=custom", "db used web"),
            ("--filter type=builtin", "bridge host none"),
            ("--filter driver=host --filter driver=null", "host none"),
            (
                "--filter scope=local --filter name=e",
                "bridge none used web",
            ),
            ("--filter scope=swarm", ""),
            ("--filter label=tier", "db web"),
            ("--filter label=tier=back", "db"),
            ("--filter dangling=true", "db web"),
            ("--filter dangling=false --filter type=custom", "used"),
            (own.as_str(), "web"),
        ] {
            assert_eq!(listed(lab, filters)?, found, "{filters}");
        }
        let refusal = lab
            .try_host("rnet network ls --filter colour=red")?
            .failure(1)?;
        ensure!(refusal.contains("invalid filter 'colour'"), "{refusal}");

        let prune = |filters: &str| lab.host(&format!("rnet network prune -f {filters}"));
        assert_eq!(prune("--filter label=tier=front --filter until=1h")?, "");
        assert_eq!(prune("--filter label=tier=front")?, "web");
        assert_eq!(prune("--filter label!=tier")?, "", "the one left is in use");
        assert_eq!(prune("")?, "db");
        assert_eq!(listed(lab, "--filter type=custom")?, "used");
        Ok(())
    })
}

#[test]
fn what_happens_to_networks_is_told_to_the_command_and_to_any_client_of_the_api() -> Result<()> {
    on_lab(|lab| {
        let ask = "curl -sN --unix-socket /run/rnet/rnet.sock -G http://localhost/v1.44/events";
        lab.host(&format!(
            "rnet events --filter type=network >/tmp/told 2>&1 & echo $! >/tmp/listeners; \
             {ask} --data-urlencode 'filters={{\"type\":[\"network\"],\"network\":[\"n\"]}}' \
             >/tmp/raw 2>&1 & echo $! >>/tmp/listeners"
        ))?;
        // each listens once something that happens is in its file
        for file in ["/tmp/told", "/tmp/raw"] {
            eventually(|| {
                lab.host("rnet network create n && rnet network rm n")?;
                lab.host(&format!("grep destroy {file}"))
            })?;
        }
        lab.host("rnet network create n")?;
        let id = lab.host("rnet network inspect -f '{{.Id}}' n")?;
        idle(lab, "c1", "")?;
        let container = lab.host("rnet inspect -f '{{.Id}}' c1")?;
        lab.host("rnet network connect n c1 && rnet network disconnect n c1")?;
        lab.host("rnet network rm n && rnet network create other && rnet network prune -f")?;
        let actions = ["create", "connect", "disconnect", "destroy"];
        eventually(|| {
            let told = lab.host(&format!("grep {id} /tmp/told | cut -d' ' -f2,3"))?;
            let expected = actions.map(|it| format!("network {it}"));
            ensure!(told.lines().eq(&expected), "{told}");
            let raw = lab.host(&format!("grep {id} /tmp/raw"))?;
            let events: Vec<serde_json::Value> = raw
                .lines()
                .map(serde_json::from_str)
                .collect::<Result<_, _>>()?;
            let seen = events.iter().map(|it| it["Action"].as_str());
            ensure!(seen.eq(actions.map(Some)), "{raw}");
            let connected = &events[1];
            assert_eq!(connected["Type"], "network");
            assert_eq!(connected["scope"], "local");
            let of = &connected["Actor"]["Attributes"];
            assert_eq!((&of["name"], &of["type"]), (&"n".into(), &"bridge".into()));
            assert_eq!(of["container"], container.as_str());
            Ok(())
        })?;
        eventually(|| lab.host("grep 'network destroy' /tmp/told | grep name=other"))?;
        ensure!(lab.host("cat /tmp/raw")?.matches("other").count() == 0);
        lab.host("kill $(cat /tmp/listeners); rm /tmp/told /tmp/raw /tmp/listeners")
            .map(drop)
    })
}
