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
