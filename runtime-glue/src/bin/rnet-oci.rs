//! The bundled runtime behind the command line of an OCI runtime: for podman, containerd, or you.

use std::process::ExitCode;

fn main() -> ExitCode {
    rnet_runtime_glue::oci::main()
}
