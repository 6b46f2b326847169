//! Containers that share namespaces with another container (`--network container:NAME` and its like).

use anyhow::{Result, ensure};
use rnet_tests::{Lab, eventually};

use crate::{address, idle, on_lab, page, refuses, serve};

#[test]
fn a_container_with_anothers_network_is_at_its_address_and_has_its_names() -> Result<()> {
    on_lab(|lab| {
        lab.host("rnet network create --ipv6 front")?;
        serve(lab, "web", "--network front -p 8080:80 --hostname www")?;
        idle(lab, "side", "--network container:web")?;
        let web = |format: &str| lab.host(&format!("rnet inspect -f '{format}' web"));
        let side = |format: &str| lab.host(&format!("rnet inspect -f '{format}' side"));
        let namespace =
            |name: &str| lab.host(&format!("rnet exec {name} readlink /proc/self/ns/net"));
        ensure!(namespace("side")? == namespace("web")?);
        ensure!(page(lab, "side", "http://127.0.0.1/")? == "web");
        ensure!(page(lab, "side", "http://[::1]/")? == "web");
        ensure!(
            lab.host("rnet exec side ip -o address")? == lab.host("rnet exec web ip -o address")?
        );
        ensure!(lab.host("rnet exec side hostname")? == "www");
        ensure!(
            lab.host("rnet exec side nslookup web")?
                .contains(&address(lab, "web", "front")?)
        );
        ensure!(side("{{.HostConfig.NetworkMode}}")? == format!("container:{}", web("{{.Id}}")?));
        let shown = "{{len .NetworkSettings.Networks}} {{.NetworkSettings.SandboxID}}";
        ensure!(side(shown)?.trim() == "0");
        for file in ["HostsPath", "ResolvConfPath", "HostnamePath"] {
            let format = format!("{{{{.{file}}}}}");
            ensure!(side(&format)? == web(&format)?, "{file}");
        }
        // what one of them learns later the other learns as well
        lab.host("rnet network create back && rnet network connect back web")?;
        ensure!(
            lab.host("rnet exec side cat /etc/hosts")?
                .contains(&address(lab, "web", "back")?)
        );
        ensure!(lab.host("rnet exec side ip -o link")?.contains("eth1"));
        let counted = lab.host(
            "curl -s --unix-socket /run/rnet/rnet.sock 'http://d/containers/side/stats?stream=0'",
        );
        ensure!(counted?.contains("\"eth1\""));
        // a chain of them leads to the same place, also with netd killed in between
        lab.kill_netd()?;
        lab.start_netd()?;
        idle(lab, "third", "--network container:side")?;
        ensure!(page(lab, "third", "http://127.0.0.1/")? == "web");
        ensure!(lab.host("rnet exec third cat /etc/hostname")? == "www");
        let refused = lab.try_host("rnet network connect back side")?;
        ensure!(
            refused
                .stderr
                .contains("container sharing network namespace with another container")
        );
        Ok(())
    })
}

#[test]
fn a_shared_network_ends_with_its_owner_and_comes_back_with_a_restart() -> Result<()> {
    on_lab(|lab| {
        let idle_host = lab.contents()?;
        serve(lab, "web", "")?;
        idle(lab, "side", "--network container:web --restart always")?;
        lab.host("rnet stop -t 0 web")?;
        // what is left runs on, with a loopback only, and holds nothing of the host's
        ensure!(lab.host("rnet exec side ip -o link")?.lines().count() == 1);
        let start = |name: &str, why: &str| start_fails(lab, name, why);
        lab.host("rnet create --name late --network container:web busybox true")?;
        start(
            "late",
            "cannot join network namespace of a non running container: container web is exited",
        )?;
        lab.host("rnet start web")?;
        eventually(|| lab.host("rnet exec web wget -qO- http://127.0.0.1/"))?;
        ensure!(lab.host("rnet exec side ip -o link")?.lines().count() == 1);
        lab.host("rnet restart -t 0 side")?;
        ensure!(page(lab, "side", "http://127.0.0.1/")? == "web");
        // its owner's removal is no more to it than its end
        lab.host("rnet rm -f web")?;
        ensure!(lab.host("rnet inspect -f '{{.State.Running}}' side")? == "true");
        start(
            "late",
            "joining network namespace of container: No such container: ",
        )?;
        lab.host("rnet rm -f side late")?;
        lab.assert_nothing_left(&idle_host)?;
        // who is named before it exists is found when it does
        lab.host("rnet create --name early --network container:later busybox ip -o link")?;
        start("early", "No such container: later")?;
        idle(lab, "later", "")?;
        ensure!(lab.host("rnet start -a early")?.contains("eth0"));
        lab.host("rnet create --name self --network container:self busybox true")?;
        start("self", "cannot join own network namespace")
    })
}

#[test]
fn processes_and_memory_of_another_container_are_shared_when_asked_for() -> Result<()> {
    on_lab(|lab| {
        idle(lab, "plain", "")?;
        idle(lab, "donor", "--ipc shareable --pid private")?;
        idle(lab, "side", "--pid container:donor --ipc container:donor")?;
        for (kind, same) in [
            ("pid", true),
            ("ipc", true),
            ("uts", false),
            ("net", false),
            ("mnt", false),
        ] {
            let of =
                |name: &str| lab.host(&format!("rnet exec {name} readlink /proc/self/ns/{kind}"));
            ensure!((of("side")? == of("donor")?) == same, "{kind}");
        }
        // each sees what the other does
        lab.host("rnet exec donor sh -c 'echo of-the-donor >/dev/shm/note'")?;
        ensure!(lab.host("rnet exec side cat /dev/shm/note")? == "of-the-donor");
        lab.host("rnet exec -d side sleep 4711")?;
        eventually(|| lab.host("rnet exec donor sh -c 'ps | grep -q sleep.471[1]'"))?;
        let id = lab.host("rnet inspect -f '{{.Id}}' donor")?;
        let modes = "{{.HostConfig.PidMode}} {{.HostConfig.IpcMode}} {{.HostConfig.CgroupnsMode}}";
        let shown = lab.host(&format!("rnet inspect -f '{modes}' side"))?;
        ensure!(
            shown == format!("container:{id} container:{id} private"),
            "{shown}"
        );
        // the end of one is not the other's, and leaves nothing of its own behind
        lab.host("rnet stop -t 0 side")?;
        ensure!(
            lab.try_host("rnet exec donor sh -c 'ps | grep -q sleep.471[1]'")?
                .code
                == 1
        );
        lab.host("rnet start side")?;
        // the end of whom the processes are is the end of all
        lab.host("rnet kill donor")?;
        eventually(|| {
            let state = lab.host("rnet inspect -f '{{.State.ExitCode}}' side")?;
            ensure!(state == "137", "{state}");
            Ok(())
        })?;
        start_fails(lab, "side", "failed to join PID namespace: container ")?;
        let why = "non-shareable IPC (hint: use IpcMode:shareable for the donor container)";
        lab.host("rnet create --name shy --ipc container:plain busybox true")?;
        start_fails(lab, "shy", why)?;
        let nothing = lab.try_host("rnet run --rm --ipc none busybox ls /dev/shm")?;
        ensure!(
            nothing.code == 1 && nothing.stderr.contains("No such file"),
            "{nothing:?}"
        );
        Ok(())
    })
}

#[test]
fn the_groups_of_the_host_are_seen_when_asked_for() -> Result<()> {
    on_lab(|lab| {
        let own = lab.host("rnet run --rm busybox cat /proc/self/cgroup")?;
        ensure!(own.lines().all(|line| line.ends_with(":/")), "{own}");
        let all = lab.host("rnet run --rm --cgroupns host busybox cat /proc/self/cgroup")?;
        ensure!(
            all.lines()
                .any(|line| line.contains(":/") && !line.ends_with(":/")),
            "{all}"
        );
        Ok(())
    })
}

#[test]
fn what_contradicts_a_shared_namespace_is_refused() -> Result<()> {
    on_lab(|lab| {
        idle(lab, "web", "")?;
        for (flags, why) in [
            (
                "--hostname x",
                "conflicting options: hostname and the network mode",
            ),
            (
                "-p 80:80",
                "conflicting options: port publishing and the container type network mode",
            ),
            (
                "--expose 80",
                "conflicting options: port exposing and the container type network mode",
            ),
            (
                "--dns 10.0.0.1",
                "conflicting options: dns and the network mode",
            ),
            (
                "--add-host a:10.0.0.1",
                "conflicting options: custom host-to-IP mapping and the network mode",
            ),
            (
                "--mac-address 02:42:ac:11:00:09",
                "conflicting options: mac-address and the network mode",
            ),
        ] {
            refuses(lab, &format!("--network container:web {flags}"), why)?;
        }
        for (flags, why) in [
            ("--pid nobody", "invalid PID mode: nobody"),
            ("--ipc nobody", "invalid IPC mode: nobody"),
            ("--uts container:web", "invalid UTS mode: container:web"),
        ] {
            refuses(lab, flags, why)?;
        }
        ensure!(lab.host("rnet ps -aq")?.lines().count() == 1);
        Ok(())
    })
}

fn start_fails(lab: &Lab, name: &str, why: &str) -> Result<()> {
    let ran = lab.try_host(&format!("rnet start {name}"))?;
    ensure!(ran.code != 0 && ran.stderr.contains(why), "{ran:?}");
    Ok(())
}
