//! Starting `netd`: beside another one, over damage, without rights.

use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::thread::sleep;
use std::time::Duration;

use anyhow::{Context, Result};
use rnet_tests::{Lab, eventually};

use crate::{end, idle, on_lab};

#[test]
fn two_daemons_in_two_network_namespaces_do_not_know_of_each_other() -> Result<()> {
    on_lab(|lab| {
        let before = lab.contents()?;
        let group = lab.control_group();
        lab.host("ip netns add second")?;
        lab.host(&format!(
            "nsenter --net=/run/netns/second netd --state-dir /var/lib/two --run-dir /run/two \
             --cgroup-parent {group}/two >/run/two.log 2>&1 &"
        ))?;
        let two = "rnet -H unix:///run/two/rnet.sock";
        eventually(|| lab.host(&format!("{two} version")))?;
        let archive = lab.directory().join("busybox.tar");
        rnet_tests::busybox_archive(&archive)?;
        lab.host(&format!("{two} image import busybox {}", archive.display()))?;
        for rnet in ["rnet", two] {
            lab.host(&format!(
                "{rnet} network create --subnet 172.25.0.0/16 same"
            ))?;
            lab.host(&format!(
                "{rnet} run -d --name same --network same -p 8080:80 busybox sleep 1000"
            ))?;
        }
        let pid = |rnet: &str| lab.host(&format!("{rnet} inspect -f '{{{{.State.Pid}}}}' same"));
        assert_ne!(pid("rnet")?, pid(two)?);
        lab.host(&format!("{two} rm -f same && {two} network rm same"))?;
        lab.host("rnet exec same ping -c 1 192.0.2.2")?;
        end(lab, "state-dir /var/lib/two")?;
        lab.host("ip netns del second; umount /run/netns; rm -rf /run/two* /var/lib/two")?;
        lab.clear()?;
        lab.assert_nothing_left(&before)
    })
}

#[test]
fn a_second_daemon_on_the_same_socket_is_refused() -> Result<()> {
    on_lab(|lab| {
        let error = lab.try_host("netd")?.failure(1)?;
        assert!(
            error.contains("another netd serves /run/rnet/rnet.sock"),
            "{error}"
        );
        let error = lab
            .try_host("netd --host unix:///run/other.sock")?
            .failure(1)?;
        assert!(error.contains("/rnet.redb"), "{error}");
        lab.host("rnet version").map(drop)
    })
}

#[test]
fn without_root_it_says_what_is_missing() -> Result<()> {
    let lab = Lab::start()?;
    let error = lab
        .try_host("setpriv --reuid 65534 --regid 65534 --clear-groups netd")?
        .failure(1)?;
    assert!(error.contains("needs root"), "{error}");
    let error = lab
        .try_host("setpriv --reuid 65534 --regid 65534 --clear-groups rnet ps")?
        .failure(1)?;
    assert!(error.contains("ermission denied"), "{error}");
    Ok(())
}

#[test]
fn a_damaged_store_is_reported_and_left_alone() -> Result<()> {
    for damage in ["echo garbage >", ": >", "truncate -s 5000"] {
        let mut lab = Lab::start()?;
        lab.host("rnet network create precious")?;
        lab.kill_netd()?;
        let store = "/var/lib/rnet/rnet.redb";
        lab.host(&format!("{damage} {store}"))?;
        let before = lab.host(&format!("sha256sum {store}"))?;
        let error = lab
            .start_netd()
            .err()
            .context("it started over a damaged store")?
            .to_string();
        assert!(error.contains(store), "{damage}: {error}");
        assert_eq!(lab.host(&format!("sha256sum {store}"))?, before, "{damage}");
    }
    Ok(())
}

#[test]
fn a_foreign_interface_of_our_name_is_reported_and_left_alone() -> Result<()> {
    let mut lab = Lab::bare()?;
    lab.host("ip link add rnet0 type veth peer name other")?;
    let error = lab
        .start_netd()
        .err()
        .context("it took a foreign interface")?
        .to_string();
    assert!(error.contains("rnet0"), "{error}");
    lab.host("ip -d link show rnet0 | grep veth").map(drop)
}

#[test]
fn its_supervisor_is_told_when_it_serves_and_when_it_ends() -> Result<()> {
    let lab = Lab::bare()?;
    let path = lab.directory().join("notify");
    let supervisor = UnixDatagram::bind(&path)?;
    supervisor.set_read_timeout(Some(Duration::from_secs(20)))?;
    let hear = || {
        let mut words = [0; 256];
        let length = supervisor.recv(&mut words)?;
        anyhow::Ok(String::from_utf8_lossy(&words[..length]).into_owned())
    };
    let group = lab.control_group();
    let notify = format!("NOTIFY_SOCKET={}", path.display());
    lab.host(&format!(
        "{notify} netd --cgroup-parent {group} >/dev/null 2>&1 &"
    ))?;
    assert_eq!(hear()?.trim(), "READY=1");
    lab.host("rnet version")?;
    lab.host("kill $(pidof netd)")?;
    assert_eq!(hear()?.trim(), "STOPPING=1");
    Ok(())
}

#[test]
fn requests_under_way_are_finished_before_it_ends() -> Result<()> {
    on_lab(|lab| {
        idle(lab, "stubborn", "")?;
        let begun = lab.begin("rnet stop -t 2 stubborn")?;
        sleep(Duration::from_millis(500));
        lab.stop_netd()?;
        assert!(
            begun.wait_with_output()?.status.success(),
            "the request was broken off"
        );
        lab.start_netd()?;
        let state = lab.host("rnet inspect -f '{{.State.Status}}' stubborn")?;
        assert_eq!(state, "exited");
        Ok(())
    })
}

#[test]
fn the_configuration_that_is_shipped_is_the_defaults() -> Result<()> {
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("../dist/netd.toml");
    let text = std::fs::read_to_string(&shipped)?;
    // every line that is commented out is a valid one
    let whole: String = text
        .lines()
        .map(|line| {
            line.strip_prefix('#')
                .filter(|rest| !rest.starts_with(' ') || rest.starts_with("    {"))
                .unwrap_or(line)
        })
        .filter(|line| !line.starts_with("shim") && !line.starts_with("cgroup-parent"))
        // the addresses that are shown for IPv6 are for those who turn it on
        .map(|line| format!("{}\n", line.replace("ipv6 = false", "ipv6 = true")))
        .collect();
    for text in [text, whole] {
        let mut lab = Lab::bare()?;
        let file = lab.directory().join("netd.toml");
        std::fs::write(&file, text)?;
        lab.start_netd_with(&format!("--config {}", file.display()))?;
        lab.host("ls /run/rnet/rnet.sock /var/lib/rnet/rnet.redb /sys/class/net/rnet0")?;
    }
    Ok(())
}
