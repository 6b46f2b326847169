//! What every `prune` is told and asks.

use std::collections::HashMap;
use std::io::{BufRead, Write, stderr, stdin};

use clap::Args;

use crate::error::{Error, Result};
use crate::parse::pair::{self, Filter};
use crate::show::output;

#[derive(Args)]
pub(crate) struct Pruning {
    /// Do not ask first
    #[arg(short, long)]
    force: bool,
    /// Remove only those that fit, for instance label=KEY or, of networks, until=24h
    #[arg(long, value_name = "KEY=VALUE")]
    filter: Vec<Filter>,
}

impl Pruning {
    /// Removes what `act` removes of those that fit, once that is confirmed, and prints what it was.
    pub(crate) async fn run(
        self,
        question: &str,
        act: impl AsyncFnOnce(HashMap<String, Vec<String>>) -> Result<Option<Vec<String>>>,
    ) -> Result<u8> {
        if self.force || confirmed(question)? {
            let removed = act(pair::filters(&self.filter)).await?;
            let mut names = removed.into_iter().flatten();
            names.try_for_each(output::line)?;
        }
        Ok(0)
    }
}

/// Asks on the terminal; anything but a yes is a no.
fn confirmed(question: &str) -> Result<bool> {
    write!(stderr(), "{question} [y/N] ").map_err(Error::Output)?;
    let mut answer = String::new();
    stdin()
        .lock()
        .read_line(&mut answer)
        .map_err(|source| Error::Read {
            path: "standard input".into(),
            source,
        })?;
    Ok(matches!(
        answer.trim().to_ascii_lowercase().as_str(),
        "y" | "yes"
    ))
}
