//! The lab itself: private, repeatable, and gone on drop.

use std::fs;
use std::path::Path;

use anyhow::{Result, ensure};
use rnet_tests::Lab;

#[test]
fn the_host_and_the_machine_outside_reach_each_other_and_nothing_else() -> Result<()> {
    let lab = Lab::bare()?;
    lab.host("busybox ping -c 1 -W 2 192.0.2.2")?;
    lab.outside("busybox ping -c 1 -W 2 192.0.2.1")?;
    assert_eq!(lab.host("hostname")?, "lab");
    assert_eq!(lab.outside("hostname")?, "outside");
    assert_eq!(lab.host("ls /sys/class/net")?, "eth0\nlo");
    assert_eq!(lab.outside("ls /sys/class/net")?, "eth0\nlo");
    assert_eq!(lab.host("ls /var/lib")?, "");
    lab.host("ls -d /sys/fs/cgroup/*")?;
    Ok(())
}

#[test]
fn what_is_left_in_a_lab_is_told_by_its_name() -> Result<()> {
    let lab = Lab::bare()?;
    let before = lab.contents()?;
    lab.assert_nothing_left(&before)?;
    for (make, told, undo) in [
        (
            "ip link add left type bridge",
            "interface left",
            "ip link del left",
        ),
        (
            "ip address add 10.9.9.9/32 dev lo",
            "address lo 10.9.9.9/32",
            "ip address del 10.9.9.9/32 dev lo",
        ),
        (
            "ip route add 10.9.9.0/24 dev eth0",
            "route 10.9.9.0/24 dev eth0",
            "ip route del 10.9.9.0/24",
        ),
        (
            "ip netns add left",
            "mount /run/netns/left",
            "ip netns del left; umount /run/netns",
        ),
        (
            "nft add table inet left",
            "table inet left",
            "nft delete table inet left",
        ),
        (
            "echo > /var/lib/left",
            "file /var/lib/left",
            "rm /var/lib/left",
        ),
        (
            "sleep 987 >/dev/null 2>&1 &",
            "process sleep 987",
            "kill $(pidof sleep)",
        ),
    ] {
        lab.host(make)?;
        let changes = lab.contents()?.changes_since(&before);
        ensure!(
            changes.contains("left over: ") && changes.contains(told),
            "{make}: {changes}"
        );
        lab.host(undo)?;
    }
    lab.assert_nothing_left(&before)
}

#[test]
fn a_lab_takes_everything_along() -> Result<()> {
    let lab = Lab::bare()?;
    let (root, directory) = (lab.root(), lab.directory().to_owned());
    let group = format!("/sys/fs/cgroup/pids/{}/inner", lab.control_group());
    if Path::new("/sys/fs/cgroup/pids").exists() {
        fs::create_dir_all(&group)?;
        lab.host(&format!(
            "sleep 1000 >/dev/null 2>&1 & echo $! >{group}/tasks"
        ))?;
    }
    lab.serve_outside("sleep 1000")?;
    drop(lab);
    ensure!(!root.exists(), "process 1 of the lab lives on");
    ensure!(!directory.exists());
    ensure!(!Path::new(&group).exists());
    Ok(())
}
