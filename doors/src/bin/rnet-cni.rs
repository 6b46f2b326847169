//! `rnet-cni`: the CNI plugin of rnet.

use std::process::ExitCode;

fn main() -> ExitCode {
    rnet_doors::cni::run()
}
