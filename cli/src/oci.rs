//! `oci`: the command line of an OCI runtime, which is a program of its own.

use std::ffi::OsString;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process;

use clap::Args;

use crate::error::{Error, Result};

/// The program, beside this one.
const PROGRAM: &str = "rnet-oci";

/// Run bundles of the OCI runtime specification, without netd
///
/// The command line is that of runc and crun: `rnet oci --help` tells more. podman and containerd take the program
/// behind it, rnet-oci, as their runtime.
#[derive(Args)]
#[command(disable_help_flag = true)]
pub(crate) struct Oci {
    #[arg(
        trailing_var_arg = true,
        allow_hyphen_values = true,
        value_name = "ARGUMENTS"
    )]
    args: Vec<OsString>,
}

impl Oci {
    /// Becomes that program.
    pub(crate) fn run(self) -> Result<u8> {
        let own = std::env::current_exe().map(|own| own.with_file_name(PROGRAM));
        let beside = own.ok().filter(|path| path.exists());
        let path = beside.unwrap_or_else(|| PathBuf::from(PROGRAM));
        // returns only if it fails
        let source = process::Command::new(&path).args(self.args).exec();
        Err(Error::Program { path, source })
    }
}
