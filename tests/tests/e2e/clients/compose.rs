//! Debian's docker-compose.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use rnet_tests::{Lab, eventually};

use super::HOST;
use crate::{is_shut, on_lab, page};

const URL: &str = "http://192.0.2.1:8080/";

fn compose(lab: &Lab, line: &str) -> Result<String> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/compose/compose.yaml");
    let file = file.canonicalize().context("the example is there")?;
    lab.host(&format!(
        "DOCKER_HOST={HOST} docker-compose -p three -f {} {line} 2>&1",
        file.display()
    ))
}

#[test]
fn docker_compose_brings_up_three_services_on_two_networks_and_takes_all_of_it_down() -> Result<()>
{
    on_lab(|lab| {
        ensure!(
            lab.try_host("command -v docker-compose")?.code == 0,
            "docker-compose is missing: run `make setup`"
        );
        compose(lab, "up -d")?;
        let answer = || eventually(|| page(lab, "outside", URL));
        assert_eq!(answer()?, "42");
        let services = compose(lab, "ps")?;
        assert_eq!(services.matches("healthy").count(), 2, "{services}");
        assert!(services.contains("8080->80/tcp"), "{services}");
        // aliases lead where the network does, and no further
        let ask = |service: &str| {
            let ask = "timeout 5 wget -qO- http://store:5432/answer";
            compose(lab, &format!("exec -T {service} {ask}"))
        };
        assert_eq!(ask("app")?, "42");
        assert!(ask("web").is_err());

        // what is as it should be is left alone, and what changed is made anew with its volume
        compose(lab, "up -d")?;
        compose(lab, "up -d -t 0 --scale app=2")?;
        let apps = compose(lab, "ps -q app")?;
        assert_eq!(apps.lines().count(), 2, "{apps}");
        compose(lab, "exec -T db sh -c 'echo 43 >/data/more'")?;
        compose(lab, "up -d -t 0 --force-recreate --scale app=1")?;
        assert_eq!(answer()?, "42");
        assert_eq!(compose(lab, "exec -T db cat /data/more")?, "43");
        compose(lab, "restart -t 0 web")?;
        compose(lab, "stop -t 0 app")?;
        compose(lab, "start app")?;
        assert_eq!(answer()?, "42");
        let said = compose(lab, "run --rm web echo once")?;
        assert!(said.ends_with("once"), "{said}");
        compose(lab, "logs --tail 5")?;
        compose(lab, "top")?;

        compose(lab, "down -v -t 0")?;
        assert!(is_shut(lab, "outside", URL));
        let left = "rnet ps -aq; rnet volume ls -q; rnet network ls -q --filter type=custom";
        assert_eq!(lab.host(left)?, "");
        Ok(())
    })
}
