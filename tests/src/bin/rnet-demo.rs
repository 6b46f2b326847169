//! `make demo`: the story of rnet, told by real containers on a private lab host; `make lab`: a shell there.

use anyhow::{Result, bail};
use rnet_tests::{Lab, demo};

fn main() -> Result<()> {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => demo::tell(),
        ["shell"] => Lab::start()?.shell(),
        _ => bail!("usage: rnet-demo [shell]"),
    }
}
