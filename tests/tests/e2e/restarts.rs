//! Containers that are started again when they end.

use anyhow::{Result, ensure};
use rnet_tests::{Lab, eventually};

use crate::{idle, on_lab};

/// What an inspection says of a container.
fn shown(lab: &Lab, container: &str, field: &str) -> Result<String> {
    lab.host(&format!("rnet inspect -f '{{{{{field}}}}}' {container}"))
}

fn is(lab: &Lab, container: &str, field: &str, expected: &str) -> Result<()> {
    let said = shown(lab, container, field)?;
    ensure!(
        said == expected,
        "{container} {field}: {said}, not {expected}"
    );
    Ok(())
}

#[test]
fn what_fails_is_started_again_as_often_as_its_policy_says() -> Result<()> {
    on_lab(|lab| {
        let fails = "busybox sh -c 'echo ran; exit 3'";
        lab.host(&format!(
            "rnet run -d --name c1 --restart on-failure:2 {fails}"
        ))?;
        lab.host(&format!("rnet run -d --name c2 {fails}"))?;
        lab.host("rnet run -d --name c3 --restart on-failure busybox true")?;
        eventually(|| {
            is(lab, "c1", ".RestartCount", "2")?;
            is(lab, "c1", ".State.Status", "exited")
        })?;
        is(lab, "c1", ".State.ExitCode", "3")?;
        ensure!(lab.host("rnet logs c1")? == "ran\nran\nran");
        is(lab, "c2", ".RestartCount", "0")?;
        is(lab, "c3", ".RestartCount", "0")?;
        // somebody who starts it begins anew
        lab.host("rnet start c1")?;
        eventually(|| is(lab, "c1", ".RestartCount", "2"))?;
        let refused = lab.try_host("rnet run --rm --restart always busybox true")?;
        ensure!(
            refused
                .stderr
                .contains("'AutoRemove' container with restart policy"),
            "{refused:?}"
        );
        Ok(())
    })
}

#[test]
fn who_stops_a_container_is_heeded_while_it_waits_to_be_started_too() -> Result<()> {
    on_lab(|lab| {
        lab.host("rnet run -d --name c1 --restart always busybox false")?;
        eventually(|| {
            let listed =
                lab.host("rnet ps --filter status=restarting --format '{{.Names}} {{.Status}}'")?;
            ensure!(listed.starts_with("c1 Restarting (1) "), "{listed}");
            Ok(())
        })?;
        let refused = lab.try_host("rnet rm c1")?;
        ensure!(refused.code != 0, "{refused:?}");
        lab.host("rnet stop c1")?;
        is(lab, "c1", ".State.Status", "exited")?;
        let before = shown(lab, "c1", ".RestartCount")?;
        idle(lab, "c2", "--restart always")?;
        lab.host("rnet stop -t 0 c2")?;
        is(lab, "c2", ".State.Status", "exited")?;
        is(lab, "c1", ".RestartCount", &before)
    })
}

#[test]
fn a_daemon_that_comes_back_starts_what_its_policy_wants() -> Result<()> {
    on_lab(|lab| {
        idle(lab, "c1", "--restart unless-stopped")?;
        idle(lab, "c2", "--restart unless-stopped")?;
        idle(lab, "c3", "--restart always")?;
        idle(lab, "c4", "")?;
        idle(lab, "c5", "--restart always")?;
        lab.host("rnet stop -t 0 c2 c3")?;
        let pid = |name| shown(lab, name, ".State.Pid");
        let (first, kept) = (pid("c1")?, pid("c5")?);
        let fourth = pid("c4")?;
        lab.kill_netd()?;
        lab.host(&format!("kill -9 {first} {fourth}"))?;
        lab.start_netd()?;
        let pid = |name| shown(lab, name, ".State.Pid");
        eventually(|| {
            is(lab, "c1", ".State.Status", "running")?;
            is(lab, "c3", ".State.Status", "running")
        })?;
        ensure!(pid("c1")? != first);
        is(lab, "c1", ".RestartCount", "1")?;
        ensure!(pid("c5")? == kept, "what ran on was started again");
        is(lab, "c2", ".State.Status", "exited")?;
        is(lab, "c4", ".State.Status", "exited")
    })
}
