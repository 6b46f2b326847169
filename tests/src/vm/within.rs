//! Tests whose body runs in a virtual machine: one boot for all those of a test program.

use std::any::type_name;
use std::env;
use std::sync::LazyLock;

use anyhow::{Context, Result, anyhow, bail};

use super::{Output, Vm};

/// Set where the bodies are to run.
const INSIDE: &str = "RNET_TESTS_INSIDE_VM";

/// What this test program, run again in a machine, told about the tests it was asked for.
static TOLD: LazyLock<Result<Output>> = LazyLock::new(|| {
    let program = env::current_exe().context("cannot find out where this program is")?;
    let mut job = format!(
        "{INSIDE}=1 RUST_BACKTRACE=0 {} --test-threads=1",
        program.display()
    );
    for name in env::args()
        .skip(1)
        .take_while(|word| !word.starts_with('-'))
    {
        job.push_str(&format!(" '{name}'"));
    }
    Vm::boot(&job, &[&program])
});

/// Runs the body of a test in a virtual machine; `body` is a closure written in the test function itself.
///
/// The first test boots the machine, which runs the same program again: there, bodies are simply called. The others
/// wait for it, and all look up what was told about them.
pub fn in_vm<F: FnOnce() -> Result<()>>(body: F) -> Result<()> {
    if env::var_os(INSIDE).is_some() {
        return body();
    }
    let path = type_name::<F>().trim_end_matches("::{{closure}}");
    let (_, test) = path.split_once("::").context("a test is in a crate")?;
    let told = TOLD.as_ref().map_err(|error| anyhow!("{error:#}"))?;
    if told.text.contains(&format!("test {test} ... ok\n")) {
        return Ok(());
    }
    let part = told
        .text
        .split(&format!("---- {test} stdout ----\n"))
        .nth(1);
    match part.and_then(|rest| rest.split("\n---- ").next()) {
        Some(part) => bail!("in the virtual machine:\n{part}"),
        None => bail!("the virtual machine told nothing of {test}:\n{}", told.text),
    }
}
