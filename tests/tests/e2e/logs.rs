//! Containers' output on disk: drivers, rotation, what is noted with it, and a full disk.

use anyhow::{Result, ensure};
use rnet_tests::{Lab, eventually};

use crate::{idle, on_lab, on_lab_with, refuses};

/// Writes a thousand numbered lines, then waits to be told to write on.
const STORY: &str = "seq -w 1 1000; until test -e /go; do sleep 0.05; done; seq -w 1001 2000";

#[test]
fn a_log_is_rotated_and_followed_over_its_rotations() -> Result<()> {
    on_lab(|lab| {
        let options = "--log-opt max-size=20k --log-opt max-file=3 --log-opt compress=true";
        lab.host(&format!(
            "rnet run -d --name c1 {options} busybox sh -c '{STORY}'"
        ))?;
        eventually(|| {
            let last = lab.host("rnet logs -n 1 c1")?;
            ensure!(last == "1000", "{last}");
            Ok(())
        })?;
        let follow = lab.begin("rnet logs -f -n 100 c1")?;
        // the daemon knows no more of the files than what is there
        let before = lab.host("rnet logs c1")?;
        ensure!(
            before.lines().count() > 200 && before.ends_with("\n1000"),
            "{before}"
        );
        lab.host("rnet exec c1 touch /go")?;
        let followed = String::from_utf8(follow.wait_with_output()?.stdout)?;
        let expected: Vec<_> = (901..=2000).map(|n| format!("{n:04}")).collect();
        ensure!(
            followed.lines().eq(expected.iter().map(String::as_str)),
            "{followed}"
        );
        let path = lab.host("rnet inspect -f '{{.LogPath}}' c1")?;
        let files = lab.host(&format!("cd $(dirname {path}); ls | grep json.log"))?;
        let id = lab.host("rnet inspect -f '{{.Id}}' c1")?;
        let expected = ["", ".1.gz", ".2.gz"].map(|end| format!("{id}-json.log{end}"));
        ensure!(
            files.lines().eq(expected.iter().map(String::as_str)),
            "{files}"
        );
        let shown = lab.host("rnet inspect -f '{{json .HostConfig.LogConfig}}' c1")?;
        ensure!(
            shown.contains("\"max-size\":\"20k\"") && shown.contains("json-file"),
            "{shown}"
        );
        Ok(())
    })
}

#[test]
fn what_is_noted_with_output_is_shown_when_asked_for() -> Result<()> {
    on_lab(|lab| {
        let options = "--log-opt tag='{{.Name}}/{{.ID}}' --log-opt labels=tier --log-opt env=MODE";
        let run = format!("rnet run --name c1 -l tier=web -e MODE=fast {options} busybox echo hi");
        ensure!(lab.host(&run)? == "hi");
        let id = lab.host("rnet inspect -f '{{.Id}}' c1")?;
        let short = &id[..12];
        ensure!(lab.host("rnet logs c1")? == "hi");
        let details = lab.host("rnet logs --details c1")?;
        ensure!(
            details == format!("MODE=fast,tag=c1/{short},tier=web hi"),
            "{details}"
        );
        Ok(())
    })
}

#[test]
fn drivers_differ_in_what_they_keep() -> Result<()> {
    on_lab_with("--log-driver local --log-opt max-file=2", |lab| {
        lab.host("rnet run --name default busybox echo hi")?;
        let shown =
            "{{.HostConfig.LogConfig.Type}} {{index .HostConfig.LogConfig.Config \"max-file\"}}";
        ensure!(lab.host(&format!("rnet inspect -f '{shown}' default"))? == "local 2");
        ensure!(
            lab.host("rnet inspect -f '{{.LogPath}}' default")?
                .is_empty()
        );
        ensure!(lab.host("rnet logs default")? == "hi");
        ensure!(lab.host("rnet info --format '{{.LoggingDriver}}'")? == "local");
        ensure!(lab.host("rnet run --name silent --log-driver none busybox echo hi")? == "hi");
        let refused = lab.try_host("rnet logs silent")?;
        let why = "configured logging driver does not support reading";
        ensure!(
            refused.code == 1 && refused.stderr.contains(why),
            "{refused:?}"
        );
        for (options, why) in [
            (
                "--log-driver syslog",
                "logger: no log driver named 'syslog' is registered",
            ),
            (
                "--log-driver json-file --log-opt x=y",
                "unknown log opt 'x' for json-file log driver",
            ),
            ("--log-opt max-size=big", "invalid size: 'big'"),
        ] {
            refuses(lab, options, why)?;
        }
        Ok(())
    })
}

#[test]
fn a_full_disk_costs_output_and_nothing_else() -> Result<()> {
    on_lab(|lab| {
        idle(lab, "c1", "")?;
        let path = lab.host("rnet inspect -f '{{.LogPath}}' c1")?;
        lab.host("rnet stop -t 0 c1")?;
        // the log of the next run is on a disk of its own, with room for a few lines
        let small = path.replace("-json.log", "-small");
        lab.host(&format!(
            "rm {path}; mkdir {small} && mount -t tmpfs -o size=8k none {small} && ln -s {small}/log {path}"
        ))?;
        let run = |lab: &Lab| -> Result<()> {
            lab.host("rnet start c1")?;
            lab.host("rnet exec c1 sh -c 'seq 2000 >/proc/1/fd/1; echo written >/done'")?;
            ensure!(lab.host("rnet exec c1 cat /done")? == "written");
            let whole = lab.host("rnet logs c1")?;
            let expected = (1..).map(|n: u32| n.to_string());
            ensure!(!whole.is_empty() && whole.lines().count() < 2000);
            ensure!(
                expected.zip(whole.lines()).all(|(n, line)| n == line),
                "{whole}"
            );
            Ok(())
        };
        let done = run(lab);
        lab.host(&format!(
            "rnet rm -f c1; umount {small} && rmdir {small} 2>/dev/null || true"
        ))?;
        done
    })
}
