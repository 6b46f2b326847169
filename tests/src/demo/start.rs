//! A network, and two containers on it.

use anyhow::{Context, Result};

use super::{Story, check};

pub(super) fn a_network(story: &Story) -> Result<()> {
    story.chapter("1. A network");
    let id = story.host(
        "rnet network create --driver bridge --subnet 172.25.0.0/16 --ip-range 172.25.100.0/24 \
         --opt com.docker.network.container_iface_prefix=intf my-bridge",
    )?;
    let hex = id.len() == 64 && id.bytes().all(|c| c.is_ascii_hexdigit());
    check(hex, "the network's id has 64 hex digits")?;
    let bridge = id.get(..12).context("the id is long enough")?;
    let address = story.host(&format!("ip -br address show br-{bridge}"))?;
    check(
        address.contains("172.25.0.1/16"),
        "its bridge has the gateway's address",
    )
}

pub(super) fn two_containers(story: &Story) -> Result<()> {
    story.chapter("2. Two containers");
    let archive = story.lab.directory().join("busybox.tar");
    let image = story.host(&format!("rnet image import busybox {}", archive.display()))?;
    check(
        image.starts_with("sha256:"),
        "the image's id is the digest of its configuration",
    )?;
    for (name, more) in [("c1", "-p 8080:80 "), ("c2", "")] {
        story.host(&format!(
            "rnet run -d --name {name} --network my-bridge {more}busybox \
             sh -c 'echo this is {name} >/www/index.html; exec httpd -f -vv -h /www'"
        ))?;
    }
    for name in ["c1", "c2"] {
        story.wait_for(&format!("rnet exec {name} wget -qO- http://127.0.0.1/"))?;
    }
    let pid = story.host("rnet inspect -f '{{.State.Pid}}' c1")?;
    let namespaces = format!("cd /proc/{pid}/ns; readlink cgroup ipc mnt net pid uts");
    let [theirs, ours] = [
        story.host(&namespaces)?,
        story.lab.host(&namespaces.replace(&pid, "1"))?,
    ];
    let mut pairs = theirs.lines().zip(ours.lines());
    check(
        theirs.lines().count() == 6 && pairs.all(|(their, our)| their != our),
        "its cgroup, ipc, mount, network, pid and uts namespaces are not those of the host",
    )?;
    let address = story.host("rnet exec c1 ip -4 address show intf0")?;
    check(
        address.contains("inet 172.25.100."),
        "intf0 has an address of the range",
    )?;
    let route = story.host("rnet exec c1 ip route")?;
    check(
        route.contains("default via 172.25.0.1 dev intf0"),
        "the bridge is the way out",
    )?;
    let servers = story.host("rnet exec c1 cat /etc/resolv.conf")?;
    check(
        servers.contains("nameserver 127.0.0.11"),
        "rnet's resolver is the only name server",
    )
}
