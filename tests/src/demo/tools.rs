//! Looking around, with rnet's words and with everybody's tools.

use anyhow::Result;

use super::{Story, check};

pub(super) fn look_around(story: &Story) -> Result<()> {
    story.chapter("7. Looking around");
    let containers = story.host("rnet ps")?;
    let all = ["c1", "c2", "c3", "loner", "q1", "q2"]
        .iter()
        .all(|it| containers.contains(it));
    check(
        all && containers.contains("8080->80/tcp"),
        "all containers are listed, and the port",
    )?;
    let networks = story.host("rnet network ls")?;
    let all = ["bridge", "host", "none", "my-bridge", "second", "quiet"];
    check(
        all.iter().all(|it| networks.contains(it)),
        "all networks are listed",
    )?;
    let network = story.host("rnet network inspect my-bridge")?;
    let inside = network.contains("172.25.100.0/24") && network.contains("\"c2\"");
    check(inside, "a network tells its ranges and its containers")?;
    let address = story.address("c1", "my-bridge")?;
    let key = story.host("rnet inspect -f '{{.NetworkSettings.SandboxKey}}' c1")?;
    let entered = story.host(&format!("nsenter --net={key} ip -br address"))?;
    check(
        entered.contains(&address),
        "the sandbox key is a namespace to enter",
    )?;
    let linked = story.host(&format!(
        "ln -s {key} /run/netns/c1 && ip -n c1 -br address"
    ))?;
    story.lab.host("rm /run/netns/c1")?;
    check(
        linked.contains(&address),
        "linked, it is one for `ip netns`",
    )?;
    let log = story.host("rnet logs c1 2>&1")?;
    check(
        log.contains("url:/"),
        "the log has the request from outside",
    )?;
    story.host("rnet stop -t 1 q1 q2")?;
    story.host("rnet rm q1 q2")?;
    story.host("rnet network rm quiet")?;
    let networks = story.host("rnet network ls --format '{{.Name}}'")?;
    check(!networks.contains("quiet"), "what was removed is gone")
}
