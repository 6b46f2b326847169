//! rnet on one of Debian's kernels with pure cgroup v2.

use anyhow::{Result, ensure};
use rnet_tests::Lab;
use rnet_tests::vm::in_vm;

#[test]
fn a_lab_is_made_where_there_is_nothing_but_cgroup_v2() -> Result<()> {
    in_vm(|| {
        let lab = Lab::bare()?;
        ensure!(lab.host("uname -r")?.ends_with("-cloud-amd64"));
        let groups =
            lab.host("stat -f -c %t /sys/fs/cgroup; cat /sys/fs/cgroup/cgroup.controllers")?;
        ensure!(
            groups.starts_with("63677270\ncpuset cpu io memory"),
            "{groups}"
        );
        Ok(())
    })
}

#[test]
fn failing() -> Result<()> {
    in_vm(|| {
        let lab = Lab::bare()?;
        ensure!(lab.host("uname -r")?.ends_with("-cloud-amd"), "oops");
        Ok(())
    })
}
