//! Many at once.

use std::collections::BTreeSet;

use anyhow::{Result, ensure};

use crate::{address, on_lab, reaches};

const MANY: usize = 12;

#[test]
fn containers_started_and_removed_at_once_do_not_disturb_each_other() -> Result<()> {
    on_lab(|lab| {
        lab.host("rnet network create crowd")?;
        for round in 0..2 {
            let all = |verb: &str| {
                let lines = (0..MANY)
                    .map(|n| lab.begin(&format!("rnet {verb}").replace('@', &n.to_string())));
                let begun: Vec<_> = lines.collect::<Result<_>>()?;
                begun.into_iter().try_for_each(|it| {
                    let output = it.wait_with_output()?;
                    ensure!(
                        output.status.success(),
                        "{}",
                        String::from_utf8_lossy(&output.stderr)
                    );
                    Ok(())
                })
            };
            all(
                "run -d --name c@ --network crowd -p 800@:80 busybox sleep 1000"
                    .replace("800@", "80@")
                    .as_str(),
            )?;
            let addresses: BTreeSet<_> = (0..MANY)
                .map(|n| address(lab, &format!("c{n}"), "crowd"))
                .collect::<Result<_>>()?;
            assert_eq!(addresses.len(), MANY, "round {round}");
            assert!(reaches(lab, "c0", &format!("c{}", MANY - 1))?);
            all("rm -f c@")?;
        }
        Ok(())
    })
}

#[test]
fn networks_made_at_once_get_subnets_of_their_own() -> Result<()> {
    on_lab(|lab| {
        let begun: Vec<_> = (0..MANY)
            .map(|n| lab.begin(&format!("rnet network create n{n}")))
            .collect::<Result<_>>()?;
        for begun in begun {
            ensure!(begun.wait_with_output()?.status.success());
        }
        let subnets = lab.host(
            "rnet network inspect -f '{{range .IPAM.Config}}{{.Subnet}}{{end}}' \
             $(rnet network ls -q --filter type=custom)",
        )?;
        let distinct: BTreeSet<_> = subnets.lines().collect();
        assert_eq!(distinct.len(), MANY, "{subnets}");
        Ok(())
    })
}
