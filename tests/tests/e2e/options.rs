//! Options of `run` that say how a container is bounded, named and mounted, one by one.

use anyhow::{Result, ensure};
use rnet_tests::{Lab, eventually};

use crate::{idle, on_lab, refuses};

#[test]
fn limits_are_where_the_kernel_reads_them_and_update_changes_them() -> Result<()> {
    on_lab(|lab| {
        idle(
            lab,
            "c1",
            "--memory 64m --memory-reservation 32m --memory-swappiness 10 --oom-kill-disable",
        )?;
        // this machine counts memory by version 1
        let file = |name: &str| lab.host(&format!("rnet exec c1 cat /sys/fs/cgroup/memory/{name}"));
        ensure!(file("memory.swappiness")? == "10");
        ensure!(file("memory.oom_control")?.contains("oom_kill_disable 1"));
        ensure!(file("memory.soft_limit_in_bytes")? == (32 << 20).to_string());
        lab.host("rnet update --memory 96m --memory-swap 96m --memory-reservation 48m c1")?;
        ensure!(file("memory.limit_in_bytes")? == (96 << 20).to_string());
        ensure!(file("memory.soft_limit_in_bytes")? == (48 << 20).to_string());
        for (flags, why) in [
            (
                "--memory-swappiness 101",
                "valid memory swappiness range is 0-100",
            ),
            (
                "--memory-reservation 1m",
                "Minimum memory reservation allowed is 6MB",
            ),
            (
                "--memory 8m --memory-reservation 9m",
                "can not be less than memory reservation",
            ),
            (
                "--blkio-weight 9",
                "Range of blkio weight is from 10 to 1000",
            ),
            ("--device-read-bps /dev/none:1m", "no device \"/dev/none\""),
            (
                "--gpus all",
                "could not select device driver \"\" with capabilities: [[gpu]]",
            ),
            ("--cgroup-parent a/../b", "invalid cgroup parent"),
            (
                "--device /dev/none",
                "error gathering device information while adding custom device \"/dev/none\"",
            ),
            (
                "--mount type=bind,src=/none,dst=/x",
                "bind source path does not exist: /none",
            ),
            (
                "--mount type=bind,src=/etc,dst=/x,bind-propagation=shared",
                "not supported by rnet yet",
            ),
        ] {
            refuses(lab, flags, why)?;
        }
        Ok(())
    })
}

#[test]
fn a_containers_group_is_below_the_parent_that_is_named() -> Result<()> {
    on_lab(|lab| {
        idle(
            lab,
            "c1",
            "--cgroup-parent /rnet-e2e-parent --cgroupns host",
        )?;
        let id = lab.host("rnet inspect -f '{{.Id}}' c1")?;
        let groups = lab.host("rnet exec c1 cat /proc/1/cgroup")?;
        let end = format!("/rnet-e2e-parent/{id}");
        ensure!(groups.lines().any(|line| line.ends_with(&end)), "{groups}");
        lab.host("rnet stop -t 0 c1")?;
        ensure!(lab.try_host("ls -d /sys/fs/cgroup/*/rnet-e2e-parent")?.code != 0);
        Ok(())
    })
}

#[test]
fn names_and_notes_are_as_asked_for() -> Result<()> {
    on_lab(|lab| {
        lab.host("printf 'tier=web\\n# no label\\nempty\\n' >/tmp/labels; rm -f /tmp/cid")?;
        let flags = "--label-file /tmp/labels -l tier=top --annotation a=b --cidfile /tmp/cid --domainname example.test";
        let domain = lab.host(&format!(
            "rnet run --name c1 {flags} busybox cat /proc/sys/kernel/domainname"
        ))?;
        ensure!(domain == "example.test");
        let shown = |format: &str| lab.host(&format!("rnet inspect -f '{format}' c1"));
        ensure!(shown("{{json .Config.Labels}}")? == r#"{"empty":"","tier":"top"}"#);
        ensure!(shown("{{json .HostConfig.Annotations}}")? == r#"{"a":"b"}"#);
        ensure!(lab.host("cat /tmp/cid")? == shown("{{.Id}}")?);
        let again = lab.try_host("rnet run --cidfile /tmp/cid busybox true")?;
        ensure!(
            again.code == 125 && again.stderr.contains("container ID file found"),
            "{again:?}"
        );
        lab.host("rm /tmp/cid /tmp/labels").map(drop)
    })
}

#[test]
fn mounts_are_made_by_key() -> Result<()> {
    on_lab(|lab| {
        let mounts = "--mount type=bind,src=/etc,dst=/host,ro --mount source=data,target=/data \
                      --mount type=tmpfs,target=/memory,tmpfs-size=1m,tmpfs-mode=700";
        let script = "cat /host/hostname >/data/name; touch /host/x 2>/dev/null || echo read-only; \
                      stat -c %a /memory; df -k /memory | tail -1 | tr -s \" \" | cut -d\" \" -f2";
        let seen = lab.host(&format!("rnet run --rm {mounts} busybox sh -c '{script}'"))?;
        ensure!(seen == "read-only\n700\n1024", "{seen}");
        let other = "rnet run --rm --mount source=data,target=/data busybox cat /data/name";
        ensure!(lab.host(other)? == lab.host("cat /etc/hostname")?);
        lab.host("rnet volume rm data").map(drop)
    })
}

#[test]
fn a_restart_that_cannot_start_is_given_up_and_its_reason_kept() -> Result<()> {
    on_lab(|lab| {
        // what it shows is gone when it is to come back
        lab.host("mkdir /tmp/there")?;
        idle(lab, "c1", "--restart always -v /tmp/there:/x")?;
        lab.host("rmdir /tmp/there")?;
        lab.host("kill -9 $(rnet inspect -f '{{.State.Pid}}' c1)")?;
        eventually(|| {
            let shown = lab.host("rnet inspect -f '{{.State.Status}} {{.State.Error}}' c1")?;
            ensure!(
                shown.starts_with("exited ") && shown.contains("/tmp/there"),
                "{shown}"
            );
            Ok(())
        })
    })
}

#[test]
fn a_monitor_that_is_killed_takes_its_container_along_and_leaves_nothing() -> Result<()> {
    on_lab(|lab| {
        let before = lab.contents()?;
        idle(lab, "c1", "-p 8080:80")?;
        kill_monitor(lab, "c1")?;
        eventually(|| {
            let shown = "{{.State.Status}} {{.State.ExitCode}} {{.State.Error}}";
            let shown = lab.host(&format!("rnet inspect -f '{shown}' c1"))?;
            ensure!(
                shown.starts_with("exited 137 ") && shown.contains("monitor"),
                "{shown}"
            );
            Ok(())
        })?;
        lab.host("rnet start c1")?;
        ensure!(lab.host("rnet exec c1 echo on")? == "on");
        // the same while no daemon is there
        lab.kill_netd()?;
        kill_monitor(lab, "c1")?;
        lab.start_netd()?;
        ensure!(lab.host("rnet inspect -f '{{.State.ExitCode}}' c1")? == "137");
        lab.host("rnet rm c1")?;
        lab.assert_nothing_left(&before)
    })
}

fn kill_monitor(lab: &Lab, name: &str) -> Result<()> {
    let monitor = match lab.host(&format!("rnet inspect -f '{{{{.State.Pid}}}}' {name}")) {
        Ok(pid) => format!("awk '{{print $4}}' /proc/{pid}/stat"),
        // without a daemon there is one monitor, or none is known
        Err(_) => "pidof rnet-shim".to_owned(),
    };
    lab.host(&format!("kill -9 $({monitor})")).map(drop)
}
