//! The monitor of one container; the runtime starts it, nobody else.

use std::path::Path;
use std::process::ExitCode;

fn main() -> ExitCode {
    let mut args = std::env::args_os().skip(1);
    match (args.next(), args.next()) {
        (Some(directory), None) => rnet_runtime_glue::shim::main(Path::new(&directory)),
        _ => {
            eprintln!("usage: rnet-shim DIRECTORY\nMonitors one container; netd starts it.");
            ExitCode::from(2)
        }
    }
}
