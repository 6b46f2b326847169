//! What networks join, and what they keep apart.

use anyhow::Result;

use super::{Story, check};
use crate::lab::WHOAMI;

pub(super) fn names(story: &Story) -> Result<()> {
    story.chapter("3. Names");
    let ping = story.host("rnet exec c2 ping -c 2 c1")?;
    check(
        ping.contains("2 packets received"),
        "c2 finds c1 by its name",
    )?;
    story.host("rnet run -d --name loner busybox sleep 1000")?;
    let ping = story.host_fails("rnet exec loner ping -c 1 c1")?;
    let unknown = ping.stdout.contains("bad address") || ping.stderr.contains("bad address");
    check(unknown, "on the default network no container has a name")
}

pub(super) fn isolation(story: &Story) -> Result<()> {
    story.chapter("5. Networks are apart, until a container joins both");
    story.host("rnet network create second")?;
    story.host("rnet run -d --name c3 --network second busybox sleep 1000")?;
    let address = story.address("c1", "my-bridge")?;
    let ping = story.host_fails(&format!("rnet exec c3 ping -c 1 -W 1 {address}"))?;
    check(
        ping.stdout.contains("100% packet loss"),
        "c3 cannot reach c1",
    )?;
    story.host("rnet network connect second c1")?;
    let ping = story.host("rnet exec c3 ping -c 1 -W 1 c1")?;
    check(
        ping.contains("1 packets received"),
        "now it can, while c1 goes on running",
    )?;
    let interfaces = story.host("rnet exec c1 ip -o link")?;
    check(
        interfaces.contains("eth0"),
        "c1 has an interface in each network",
    )
}

pub(super) fn toggles(story: &Story) -> Result<()> {
    story
        .chapter("6. A network without talk among its containers, and without address translation");
    story.host(
        "rnet network create --opt com.docker.network.bridge.enable_icc=false \
         --opt com.docker.network.bridge.enable_ip_masquerade=false quiet",
    )?;
    for name in ["q1", "q2"] {
        story.host(&format!(
            "rnet run -d --name {name} --network quiet busybox sleep 1000"
        ))?;
    }
    let [q1, q2] = [story.address("q1", "quiet")?, story.address("q2", "quiet")?];
    let ping = story.host_fails(&format!("rnet exec q1 ping -c 1 -W 1 {q2}"))?;
    check(
        ping.stdout.contains("100% packet loss"),
        "q1 cannot reach q2",
    )?;
    let page = story.host(&format!("rnet exec q1 wget -qO- {WHOAMI}"))?;
    check(
        page.contains(&q1),
        "the machine outside sees q1's own address",
    )
}
