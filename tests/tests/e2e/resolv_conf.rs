//! The host's resolv.conf changes while containers run.

use anyhow::{Result, ensure};
use rnet_tests::{Lab, eventually};

use crate::{idle, on_lab};

/// Waits until a container's resolv.conf has this text in it.
fn says(lab: &Lab, container: &str, text: &str) -> Result<String> {
    eventually(|| {
        lab.host(&format!(
            "rnet exec {container} grep -F '{text}' /etc/resolv.conf"
        ))
    })
}

#[test]
fn containers_follow_the_hosts_resolv_conf_however_it_is_replaced() -> Result<()> {
    on_lab(|lab| {
        lab.host("rnet network create mynet")?;
        idle(lab, "named", "--network mynet")?;
        idle(lab, "plain", "")?;
        idle(lab, "host", "--network host")?;
        idle(lab, "own", "--network mynet --dns 192.0.2.2")?;
        lab.host("cp /etc/resolv.conf /etc/before")?;
        lab.host("rnet exec named nslookup -type=a one.example")?;

        // nobody answers there: a name that was not asked for before is not found
        lab.host("echo nameserver 127.0.0.54 >/etc/new && mv /etc/new /etc/resolv.conf")?;
        says(lab, "named", "ExtServers: [host(127.0.0.54)]")?;
        says(lab, "host", "nameserver 127.0.0.54")?;
        let lost = lab.try_host("rnet exec named nslookup -type=a two.example")?;
        ensure!(lost.code != 0, "{}", lost.stdout);
        lab.host("rnet exec own nslookup -type=a two.example")?;

        // what somebody wrote himself stays
        lab.host("rnet exec host sh -c 'echo nameserver 192.0.2.9 >/etc/resolv.conf'")?;

        lab.host("echo search lan.example >>/etc/before && cat /etc/before >/etc/resolv.conf")?;
        says(lab, "named", "search lan.example")?;
        says(lab, "plain", "search lan.example")?;
        says(lab, "plain", "nameserver 192.0.2.2")?;
        says(lab, "host", "nameserver 192.0.2.9")?;
        lab.host("rnet exec named nslookup -type=a three.example")?;

        // what happened while no daemon was there is followed as well
        lab.kill_netd()?;
        lab.host("echo search wan.example >>/etc/before && mv /etc/before /etc/resolv.conf")?;
        lab.start_netd()?;
        says(lab, "named", "search wan.example")?;
        says(lab, "plain", "search wan.example")?;
        lab.host("printf 'nameserver 192.0.2.2\\n' >/etc/resolv.conf")
            .map(drop)
    })
}
