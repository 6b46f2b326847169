//! What a container may use up.

use anyhow::Result;

use crate::{idle, on_lab};

#[test]
fn limits_hold_and_cannot_be_lifted_from_inside() -> Result<()> {
    on_lab(|lab| {
        idle(lab, "c1", "--memory 32m --cpus 0.5 --pids-limit 10")?;
        let hog = lab.try_host("rnet exec c1 tail -c 100m /dev/zero")?;
        assert_ne!(hog.code, 0, "100 MB fit into 32 MB");
        let lift = "find /sys/fs/cgroup -name memory.limit_in_bytes -o -name memory.max | head -1";
        let lifted = lab.try_host(&format!("rnet exec c1 sh -c 'echo 1000000000 > $({lift})'"))?;
        assert!(lifted.stderr.contains("Read-only"), "{}", lifted.stderr);
        let fork = "for i in 1 2 3 4 5 6 7 8 9 10 11 12; do sleep 5 & done; wait";
        assert!(
            lab.try_host(&format!("rnet exec c1 sh -c '{fork}'"))?
                .stderr
                .contains("fork")
        );
        Ok(())
    })
}

#[test]
fn a_container_that_ran_out_of_memory_says_so() -> Result<()> {
    on_lab(|lab| {
        lab.host("rnet run -d --name c1 --memory 16m busybox tail -c 100m /dev/zero")?;
        assert_eq!(lab.host("rnet wait c1")?, "137");
        assert_eq!(
            lab.host("rnet inspect -f '{{.State.OOMKilled}}' c1")?,
            "true"
        );
        Ok(())
    })
}

#[test]
fn a_paused_container_answers_nobody_until_it_goes_on() -> Result<()> {
    on_lab(|lab| {
        idle(lab, "c1", "")?;
        lab.host("rnet pause c1")?;
        let shown = "rnet inspect -f '{{.State.Status}} {{.State.Paused}}' c1";
        assert_eq!(lab.host(shown)?, "paused true");
        assert!(lab.host("rnet ps")?.contains("(Paused)"));
        for refused in ["exec c1 true", "pause c1", "rm c1"] {
            let refusal = lab.try_host(&format!("rnet {refused}"))?.stderr;
            assert!(refusal.contains("paused"), "{refused}: {refusal}");
        }
        lab.kill_netd()?;
        lab.start_netd()?;
        assert_eq!(lab.host(shown)?, "paused true", "after a restart");
        lab.host("rnet unpause c1")?;
        assert_eq!(lab.host("rnet exec c1 echo on")?, "on");
        lab.host("rnet pause c1")?;
        lab.host("rnet stop -t 0 c1")?;
        assert_eq!(
            lab.host("rnet inspect -f '{{.State.Status}}' c1")?,
            "exited"
        );
        Ok(())
    })
}

#[test]
fn limits_change_while_a_container_runs_and_stats_show_them() -> Result<()> {
    on_lab(|lab| {
        idle(lab, "c1", "--memory 64m")?;
        lab.host("rnet update --memory 32m --cpus 0.5 --pids-limit 7 c1")?;
        let shown = lab.host("rnet stats --no-stream --format '{{.Name}} {{.MemUsage}}' c1")?;
        assert!(
            shown.starts_with("c1 ") && shown.ends_with("/ 32MiB"),
            "{shown}"
        );
        let kept = "rnet inspect -f '{{.HostConfig.Memory}} {{.HostConfig.NanoCpus}} {{.HostConfig.PidsLimit}}' c1";
        assert_eq!(lab.host(kept)?, "33554432 500000000 7");
        let refused = lab.try_host("rnet update --memory 1m c1")?;
        assert!(refused.stderr.contains("Minimum memory limit"));
        assert_eq!(lab.host(kept)?, "33554432 500000000 7");
        Ok(())
    })
}
