//! The daemon dies, and in the end everything goes.

use anyhow::Result;

use super::{Story, check};
use crate::world::HOST;

pub(super) fn netd_dies(story: &mut Story) -> Result<()> {
    story.chapter("8. netd is killed while c1 serves");
    println!("\nlab# kill -9 $(pidof netd)");
    story.lab.kill_netd()?;
    let line = format!("busybox wget -qO- http://{HOST}:8080/");
    check(
        story.outside(&line)? == "this is c1",
        "without netd, c1 goes on serving",
    )?;
    println!("\nlab# netd &");
    story.lab.start_netd()?;
    let containers = story.host("rnet ps --format '{{.Names}}: {{.Status}}'")?;
    check(
        containers.lines().count() == 4,
        "netd knows every container again",
    )?;
    story.host("rnet exec c2 ping -c 1 c1")?;
    check(
        story.outside(&line)? == "this is c1",
        "names and ports work as before",
    )?;
    story.host("rnet network disconnect second c1")?;
    story.host_fails("rnet exec c3 ping -c 1 -W 1 c1")?;
    story.host("rnet network connect second c1")?;
    story.host("rnet exec c3 ping -c 1 -W 1 c1")?;
    check(
        true,
        "what was connected before can be disconnected, and connected again",
    )
}

pub(super) fn nothing_is_left(mut story: Story) -> Result<()> {
    story.chapter("9. Nothing is left");
    story.host("rnet stop -t 1 c1")?;
    story.host("rnet rm -f c1 c2 c3 loner")?;
    story.host("rnet network rm my-bridge second")?;
    story.host("rnet image rm busybox")?;
    let idle = "the lab is as it was when netd had just started: interfaces, addresses, routes, namespaces, mounts, \
                tables of the packet filter, control groups, processes, files";
    story.lab.assert_nothing_left(&story.idle)?;
    check(true, idle)?;
    println!("\nlab# kill $(pidof netd)");
    story.lab.stop_netd()?;
    println!("lab# rm -r /var/lib/rnet /run/rnet");
    story.lab.host("rm -r /var/lib/rnet /run/rnet")?;
    story.lab.assert_nothing_left(&story.untouched)?;
    check(
        true,
        "without netd and its two directories, it is as it was before netd came",
    )
}
