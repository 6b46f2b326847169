//! Nonsense of all kinds, as schemathesis makes it up from the API's own description.

use anyhow::{Result, ensure};

use crate::{idle, on_lab_with};

const HOOKS: &str = include_str!("fuzz.py");

/// Those that are asked for a stream, which does not end when the container is there, and those that ask registries.
const LEFT_OUT: &str =
    "^/events|/(attach|attach/ws|wait|logs|stats|push)$|^/exec/.*/start$|^/auth$";

#[test]
fn whatever_is_asked_for_netd_does_not_break() -> Result<()> {
    let hosts = "-H unix:///run/rnet/rnet.sock -H tcp://127.0.0.1:2375 --unsafe-plain-tcp";
    on_lab_with(hosts, |lab| {
        let program = lab.clients().join("venv/bin/schemathesis");
        if !program.exists() {
            eprintln!("skipped: schemathesis is missing: run `make setup`");
            return Ok(());
        }
        for container in ["c1", "c2"] {
            idle(lab, container, "--init -v v1:/data")?;
        }
        lab.host("rnet network create n1")?;
        let directory = lab.directory().display();
        std::fs::write(lab.directory().join("fuzz.py"), HOOKS)?;
        let run = format!(
            "cd {directory}; SCHEMATHESIS_HOOKS=fuzz NO_COLOR=1 timeout 75 {} run http://127.0.0.1:2375/openapi.json \
             --checks nothing_breaks --phases fuzzing --max-examples 10 --seed 1 --no-shrink --continue-on-failure \
             --suppress-health-check all --warnings off --request-timeout 20 --exclude-path-regex '{LEFT_OUT}' 2>&1",
            program.display()
        );
        let ran = lab.try_host(&run)?;
        // however far it comes in its time
        let ended = matches!(ran.code, 0 | 124);
        ensure!(ended, "exit code {}\n{}", ran.code, ran.stdout);
        let broken = std::fs::read_to_string(lab.directory().join("broken"));
        ensure!(broken.is_err(), "{}", broken.unwrap_or_default());
        let log = lab.log();
        for word in ["panicked", "broke off inside"] {
            ensure!(!log.contains(word), "{log}");
        }
        lab.clear()?;
        lab.host("rnet volume ls -q | xargs -r rnet volume rm")?;
        let others = "rnet image ls --format '{{.Repository}}:{{.Tag}}' | grep -v ^busybox:latest";
        lab.host(&format!(
            "{others} | xargs -r rnet image rm; rnet image prune -f"
        ))?;
        // what was made up may have removed it
        lab.host("rnet run --rm busybox true || true").map(drop)
    })
}
