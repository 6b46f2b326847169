//! Names resolve on while `netd` is killed, stopped and started again.

use anyhow::{Context, Result};
use rnet_tests::Lab;

use crate::{idle, on_lab, reaches};

/// What a container that asks for names all the time met.
#[derive(Debug)]
struct Asked {
    questions: u32,
    failed: u32,
    longest_ms: u64,
}

/// Lets `container` ask for `name` while something happens.
fn asking(
    lab: &mut Lab,
    container: &str,
    name: &str,
    happens: impl FnOnce(&mut Lab) -> Result<()>,
) -> Result<Asked> {
    let sandbox = lab.host(&format!(
        "rnet inspect -f '{{{{.NetworkSettings.SandboxKey}}}}' {container}"
    ))?;
    let asker = lab.begin(&format!(
        "nsenter --net={sandbox} rnet-lab asker {name} /run/enough"
    ))?;
    happens(lab)?;
    lab.host("touch /run/enough")?;
    let output = asker.wait_with_output()?;
    lab.host("rm /run/enough")?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let mut numbers = text.split_whitespace().map(str::parse);
    let mut next = || {
        numbers
            .next()
            .context("a number is missing")?
            .context("no number")
    };
    Ok(Asked {
        questions: next()? as u32,
        failed: next()? as u32,
        longest_ms: next()?,
    })
}

#[test]
fn no_question_for_a_name_fails_while_the_daemon_is_killed_or_stopped_and_comes_back() -> Result<()>
{
    on_lab(|lab| {
        lab.host("rnet network create mynet")?;
        idle(lab, "db", "--network mynet")?;
        idle(lab, "web", "--network mynet")?;
        // this one's sockets are made only after its monitor runs
        idle(lab, "late", "")?;
        lab.host("rnet network connect mynet late")?;
        for container in ["web", "late"] {
            let killed = asking(lab, container, "db", |lab| {
                lab.restart_netd()?;
                lab.restart_netd()
            })?;
            let stopped = asking(lab, container, "db", |lab| {
                lab.stop_netd()?;
                lab.start_netd()
            })?;
            for asked in [killed, stopped] {
                eprintln!(
                    "{container}: {asked:?}, the longest wait {} ms",
                    asked.longest_ms
                );
                assert!(
                    asked.failed == 0 && asked.questions > 1,
                    "{container}: {asked:?}"
                );
            }
        }
        Ok(())
    })
}

#[test]
fn a_container_that_left_its_named_networks_and_came_back_resolves_again_after_a_crash()
-> Result<()> {
    on_lab(|lab| {
        lab.host("rnet network create mynet")?;
        idle(lab, "db", "--network mynet")?;
        idle(lab, "web", "--network mynet")?;
        lab.host("rnet network disconnect mynet web")?;
        lab.restart_netd()?;
        lab.host("rnet network connect mynet web")?;
        assert!(reaches(lab, "web", "db")?);
        lab.restart_netd()?;
        assert!(reaches(lab, "web", "db")?);
        assert!(reaches(lab, "db", "web")?);
        Ok(())
    })
}
