//! Containers that are asked how they do.

use anyhow::{Result, ensure};
use rnet_tests::{Lab, eventually};

use crate::on_lab;

fn health(lab: &Lab, field: &str) -> Result<String> {
    lab.host(&format!("rnet inspect -f '{{{{{field}}}}}' c1"))
}

fn becomes(lab: &Lab, expected: &str) -> Result<()> {
    eventually(|| {
        let said = health(lab, ".State.Health.Status")?;
        ensure!(said == expected, "{said}, not {expected}");
        Ok(())
    })
}

#[test]
fn a_container_is_healthy_while_its_check_succeeds() -> Result<()> {
    on_lab(|lab| {
        let events = lab.directory().join("events");
        lab.host(&format!("rnet events >{} 2>&1 &", events.display()))?;
        let check = "--health-cmd \"echo asked; test -e /tmp/well\" --health-interval 100ms --health-retries 2";
        lab.host(&format!("rnet run -d --name c1 {check} busybox sleep 1000"))?;
        becomes(lab, "unhealthy")?;
        ensure!(
            lab.host("rnet ps --format '{{.Status}}'")?
                .ends_with("(unhealthy)")
        );
        ensure!(lab.host("rnet ps -q --filter health=unhealthy")?.len() == 12);
        lab.host("rnet exec c1 touch /tmp/well")?;
        becomes(lab, "healthy")?;
        ensure!(health(lab, ".State.Health.FailingStreak")? == "0");
        ensure!(health(lab, "(index .State.Health.Log 0).Output")? == "asked");
        // the next daemon asks anew
        lab.kill_netd()?;
        lab.start_netd()?;
        becomes(lab, "healthy")?;
        ensure!(
            lab.host("rnet ps --format '{{.Status}}'")?
                .ends_with("(healthy)")
        );
        let told = std::fs::read_to_string(&events)?;
        let (bad, good) = (
            told.find("health_status: unhealthy"),
            told.find("health_status: healthy"),
        );
        ensure!(bad.is_some() && bad < good, "{told}");
        Ok(())
    })
}

#[test]
fn a_check_that_takes_too_long_is_a_failure_and_is_ended() -> Result<()> {
    on_lab(|lab| {
        let check = "--health-cmd \"exec sleep 777\" --health-interval 50ms --health-timeout 100ms --health-retries 1";
        lab.host(&format!("rnet run -d --name c1 {check} busybox sleep 1000"))?;
        eventually(|| {
            let said = health(lab, "(index .State.Health.Log 0).ExitCode")?;
            ensure!(said == "-1", "{said}");
            ensure!(health(lab, ".State.Health.Status")? == "unhealthy");
            Ok(())
        })?;
        let said = health(lab, "(index .State.Health.Log 0).Output")?;
        ensure!(
            said.starts_with("Health check exceeded timeout (100ms)"),
            "{said}"
        );
        lab.host("rnet pause c1")?;
        lab.host("rnet unpause c1")?;
        lab.host("rnet stop -t 0 c1")?;
        ensure!(health(lab, ".State.Status")? == "exited");
        let refused =
            lab.try_host("rnet run --health-cmd true --health-interval 1us busybox true")?;
        ensure!(
            refused.stderr.contains("cannot be less than 1ms"),
            "{refused:?}"
        );
        Ok(())
    })
}
