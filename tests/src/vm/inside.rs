//! A test that runs in a virtual machine: the test program boots it, and is run again in it.

use std::env;

use anyhow::{Context, Result, ensure};

use super::boot;

/// Set in the machine.
const INSIDE: &str = "RNET_TESTS_INSIDE_VM";

/// Runs the body of a test in a virtual machine; `test` is the name of that test.
///
/// Every call boots a machine, which costs more than most of what can be tested in it: prove much in one test.
pub fn in_vm(test: &str, body: impl FnOnce() -> Result<()>) -> Result<()> {
    if env::var_os(INSIDE).is_some() {
        return body();
    }
    let program = env::current_exe().context("cannot find out where this program is")?;
    let again = format!(
        "{INSIDE}=1 RUST_BACKTRACE=0 {} --exact {test} --nocapture",
        program.display()
    );
    let output = boot(&again, &[&program])?;
    ensure!(
        output.exit_code == 0,
        "in the virtual machine:\n{}",
        output.text
    );
    println!("{}", output.text);
    Ok(())
}
