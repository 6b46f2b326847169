//! A plugin of somebody else as a driver of networks and of addresses: the example's own.

use std::thread::sleep;
use std::time::Duration;

use anyhow::{Result, ensure};
use rnet_tests::{Lab, eventually};

use crate::{cut_off, idle, on_lab, on_lab_with, page, reaches};

const SOCKET: &str = "/run/docker/plugins/example.sock";

/// Starts the example's plugin and waits until it answers.
fn start(lab: &Lab) -> Result<()> {
    let program = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/plugin/plugin.py");
    lab.host(&format!(
        "python3 {program} {SOCKET} /run/example.json >>/run/example.log 2>&1 </dev/null & echo $! >/run/example.pid"
    ))?;
    let ask = format!("curl -sf --unix-socket {SOCKET} -d '{{}}' http://plugin/Plugin.Activate");
    eventually(|| lab.host(&ask)).map(drop)
}

/// Kills it, as a crash would; what it knew is in its file.
fn kill(lab: &Lab) -> Result<()> {
    let process = lab.host("cat /run/example.pid")?;
    lab.host(&format!("kill -9 {process}"))?;
    eventually(|| lab.try_host(&format!("kill -0 {process}"))?.failure(1)).map(drop)
}

/// Ends it for good: nothing may be left of what it was told.
fn put_away(lab: &Lab) -> Result<()> {
    kill(lab)?;
    assert_eq!(lab.host("cat /run/example.json")?, "[{}, {}, {}]");
    lab.host(&format!("rm {SOCKET} /run/example.*")).map(drop)
}

/// How often the plugin heard a call.
fn heard(lab: &Lab, call: &str) -> Result<usize> {
    let count = format!("grep -cx '/{call}' /run/example.log || true");
    Ok(lab.host(&count)?.parse()?)
}

/// Runs a story with the plugin there; in the end it knows of nothing.
fn with_plugin(story: impl FnOnce(&mut Lab) -> Result<()>) -> Result<()> {
    on_lab(|lab| {
        start(lab)?;
        story(lab)?;
        lab.clear()?;
        put_away(lab)
    })
}

fn create(lab: &Lab, name: &str) -> Result<()> {
    lab.host(&format!(
        "rnet network create -d example --ipam-driver example --ipv6 {name}"
    ))
    .map(drop)
}

#[test]
fn containers_on_a_plugin_s_network_reach_each_other_live_and_after_restarts() -> Result<()> {
    with_plugin(|lab| {
        create(lab, "theirs")?;
        lab.host("rnet network create own")?;
        idle(lab, "c1", "--network theirs")?;
        idle(lab, "c2", "--network own")?;
        let shown = lab.host("rnet network inspect theirs")?;
        assert!(shown.contains("\"Driver\": \"example\""), "{shown}");
        assert!(shown.contains("10.77.0.0/24"), "{shown}");
        assert!(lab.host("rnet info")?.contains("example"));

        lab.host("rnet network connect --alias bee theirs c2")?;
        let both = |lab: &Lab| -> Result<()> {
            for target in ["10.77.0.3", "fd77::3", "bee"] {
                ensure!(reaches(lab, "c1", target)?, "{target}");
            }
            Ok(())
        };
        both(lab)?;
        // the host is on its bridge as well
        assert!(reaches(lab, "c1", "10.77.0.1")?);
        lab.restart_netd()?;
        both(lab)?;
        kill(lab)?;
        both(lab)?;
        start(lab)?;
        assert_eq!(heard(lab, "NetworkDriver.CreateEndpoint")?, 2);
        lab.host("rnet network disconnect theirs c2")?;
        assert!(cut_off(lab, "c1", "10.77.0.3")?);
        assert!(
            reaches(lab, "c2", "192.0.2.2")?,
            "its own network leads out"
        );
        lab.host("rnet restart -t 0 c1")?;
        assert!(reaches(lab, "c1", "fd77::1")?);
        lab.host("rnet rm -f c1 c2")?;
        for (told, untold) in [
            ("CreateEndpoint", "DeleteEndpoint"),
            ("Join", "Leave"),
            ("ProgramExternalConnectivity", "RevokeExternalConnectivity"),
        ] {
            let heard = |call: &str| heard(lab, &format!("NetworkDriver.{call}"));
            assert_eq!(heard(told)?, heard(untold)?, "{told}");
        }
        Ok(())
    })
}

#[test]
fn a_plugin_gives_addresses_to_a_bridge_and_rnet_gives_them_to_a_plugin() -> Result<()> {
    with_plugin(|lab| {
        lab.host("rnet network create --ipam-driver example --ipv6 bridged")?;
        let create =
            "rnet network create -d example --subnet 10.88.0.0/24 --ipv6 --subnet fd88::/64 given";
        lab.host(create)?;
        idle(lab, "c1", "--network bridged")?;
        idle(lab, "c2", "--network bridged --ip 10.77.0.9")?;
        assert_eq!(crate::address(lab, "c1", "bridged")?, "10.77.0.2");
        for target in ["10.77.0.9", "fd77::3", "c2", "192.0.2.2"] {
            assert!(reaches(lab, "c1", target)?, "{target}");
        }
        let taken = lab.try_host("rnet run -d --network bridged --ip 10.77.0.9 busybox true")?;
        assert!(taken.failure(125)?.contains("10.77.0.9"), "somebody has it");
        idle(lab, "c3", "--network given")?;
        idle(lab, "c4", "--network given")?;
        for target in ["10.88.0.3", "fd88::3", "c4"] {
            assert!(reaches(lab, "c3", target)?, "{target}");
        }
        Ok(())
    })
}

#[test]
fn what_a_plugin_that_is_gone_was_to_be_told_is_told_when_it_is_back() -> Result<()> {
    with_plugin(|lab| {
        create(lab, "theirs")?;
        idle(lab, "c1", "--network theirs")?;
        idle(lab, "c2", "--network theirs")?;
        kill(lab)?;
        // the container goes, and its link: only the plugin does not know
        lab.host("rnet rm -f c1")?;
        let refused = lab.try_host("rnet run -d --network theirs busybox true")?;
        assert!(
            refused
                .failure(125)?
                .contains("plugin example does not answer")
        );
        assert_eq!(heard(lab, "NetworkDriver.DeleteEndpoint")?, 0);
        lab.restart_netd()?;
        start(lab)?;
        eventually(|| {
            let told = heard(lab, "NetworkDriver.DeleteEndpoint")?;
            ensure!(told > 0, "not told yet");
            Ok(())
        })?;
        eventually(|| {
            let known = lab.host("cat /run/example.json")?;
            ensure!(!known.contains("10.77.0.2"), "{known}");
            Ok(())
        })?;

        lab.host("rnet rm -f c2")?;
        kill(lab)?;
        let stays = lab.try_host("rnet network rm theirs")?.failure(1)?;
        assert!(stays.contains("rnet network rm -f theirs"), "{stays}");
        let unusable = lab.try_host("rnet run -d --network theirs busybox true")?;
        assert!(unusable.failure(125)?.contains("being created, or removed"));
        start(lab)?;
        eventually(|| lab.try_host("rnet network inspect theirs")?.failure(1)).map(drop)
    })
}

#[test]
fn what_a_plugin_that_never_comes_back_was_told_is_forgotten_by_force() -> Result<()> {
    on_lab(|lab| {
        start(lab)?;
        create(lab, "theirs")?;
        idle(lab, "c1", "--network theirs")?;
        kill(lab)?;
        lab.host(&format!("rm {SOCKET}"))?;
        lab.host("rnet rm -f c1")?;
        let used = lab.try_host("rnet network rm theirs")?.failure(1)?;
        assert!(used.contains("has active endpoints"), "{used}");
        lab.host("rnet network rm -f theirs")?;
        assert_eq!(lab.host("rnet network ls -q --filter type=custom")?, "");
        lab.host(
            "rm /run/example.*; ip -br link | grep -o 'px[-h][0-9a-f]*' | sort -u | xargs -n1 ip link delete",
        )
        .map(drop)
    })
}

#[test]
fn a_daemon_killed_at_any_moment_of_a_start_tells_the_plugin_all_that_it_has_to_know() -> Result<()>
{
    with_plugin(|lab| {
        create(lab, "theirs")?;
        let known = |lab: &Lab| lab.host("cat /run/example.json");
        let before = known(lab)?;
        for step in 0..14 {
            let begun =
                lab.begin("rnet run -d --name victim --network theirs busybox sleep 1000")?;
            sleep(Duration::from_millis(step * 12));
            lab.kill_netd()?;
            begun.wait_with_output()?;
            lab.start_netd()?;
            if !lab.host("rnet ps -aq --filter name=victim")?.is_empty() {
                lab.host("rnet rm -f victim")?;
            }
            eventually(|| {
                let now = known(lab)?;
                let links = lab.host("ip -br link | grep -c pxh || true")?;
                // the one address of which the answer died with netd is nobody's: only the plugin knows it
                ensure!(
                    without_addresses(&now) == without_addresses(&before),
                    "{now}"
                );
                ensure!(links == "0", "{links} links");
                Ok(())
            })?;
        }
        Ok(())
    })
}

/// What the plugin knows of networks and endpoints.
fn without_addresses(known: &str) -> &str {
    known.rsplit_once(", {").map_or(known, |(rest, _)| rest)
}

#[test]
fn a_plugin_that_hangs_keeps_nobody_else_from_anything() -> Result<()> {
    on_lab_with("--plugin-timeout 2", |lab| {
        start(lab)?;
        create(lab, "theirs")?;
        idle(lab, "c1", "--network theirs")?;
        let process = lab.host("cat /run/example.pid")?;
        lab.host(&format!("kill -STOP {process}"))?;
        let hanging = lab.begin("rnet run -d --name late --network theirs busybox true")?;
        crate::serve(lab, "own", "-p 8080:80")?;
        assert_eq!(page(lab, "outside", "http://192.0.2.1:8080/")?, "own");
        lab.host("rnet network create other && rnet network rm other && rnet network ls")?;
        let late = hanging.wait_with_output()?;
        let said = String::from_utf8_lossy(&late.stderr).into_owned();
        assert!(
            said.contains("did not answer") && said.contains("within 2 s"),
            "{said}"
        );
        lab.host(&format!("kill -CONT {process}"))?;
        lab.host("rnet rm -f c1 late own")?;
        eventually(|| lab.host("rnet network rm theirs"))?;
        eventually(|| {
            ensure!(
                lab.host("cat /run/example.json")? == "[{}, {}, {}]",
                "not told yet"
            );
            Ok(())
        })?;
        put_away(lab)
    })
}
