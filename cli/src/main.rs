//! `rnet`, the command: containers and networks by the words of Docker, asked of `netd`.

mod api;
mod args;
mod container;
mod error;
mod host;
mod image;
mod inspect;
mod login;
mod network;
mod oci;
mod parse;
mod prune;
mod sandbox;
mod show;
mod stream;
mod system;
mod tls;
mod volume;
mod wire;

use std::process::ExitCode;

use clap::Parser;
use tokio::runtime::Builder;

use args::Line;
use error::{Error, Result};

/// The exit code of a command line that cannot be understood, as Docker's.
const USAGE: u8 = 125;

/// The exit code of a program that writes where nobody reads: 128 + SIGPIPE.
const CLOSED_PIPE: u8 = 141;

fn main() -> ExitCode {
    let line = match Line::try_parse() {
        Ok(line) => line,
        Err(usage) => {
            let code = if usage.use_stderr() { USAGE } else { 0 };
            // If even the terminal is gone, the code still tells.
            let _ = usage.print();
            return code.into();
        }
    };
    let failure_code = line.failure_code();
    match run(line) {
        Ok(code) => code.into(),
        Err(error) if error.is_closed_pipe() => CLOSED_PIPE.into(),
        Err(error) => {
            error.report();
            error.exit_code(failure_code).into()
        }
    }
}

fn run(line: Line) -> Result<u8> {
    let runtime = Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(Error::Runtime)?;
    let result = runtime.block_on(line.run());
    // Somebody who types nothing must not keep us: reading standard input cannot be broken off.
    runtime.shutdown_background();
    result
}
