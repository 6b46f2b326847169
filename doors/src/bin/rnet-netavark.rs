//! `rnet-netavark`: stands where podman looks for `netavark`, and for `aardvark-dns`.

use std::process::ExitCode;

fn main() -> ExitCode {
    rnet_doors::netavark::run()
}
