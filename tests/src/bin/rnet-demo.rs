//! `make demo`: the story of rnet, told by real containers on a private lab host.

use anyhow::Result;

fn main() -> Result<()> {
    rnet_tests::demo::tell()
}
