//! In through a published port, out behind the host's address.

use anyhow::Result;

use super::{Story, check};
use crate::lab::WHOAMI;
use crate::world::HOST;

pub(super) fn in_and_out(story: &Story) -> Result<()> {
    story.chapter("4. The world outside");
    let page = story.outside(&format!("busybox wget -qO- http://{HOST}:8080/"))?;
    check(page == "this is c1", "the published port leads to c1")?;
    let page = story.host(&format!("rnet exec c1 wget -qO- {WHOAMI}"))?;
    check(
        page.contains(HOST),
        "the machine outside sees the lab host's address, not c1's",
    )
}
