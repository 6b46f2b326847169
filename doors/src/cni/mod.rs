//! The CNI plugins: containerd, CRI-O, nerdctl, Kubernetes and podman's CNI mode attach to rnet's networks (CNI
//! specification 1.1.0).
//!
//! ```text
//! runtime ── environment, config ──▶ rnet-cni ── one request ──▶ netd
//!         ◀── result, or error ────           ◀── the sandbox ──
//! ```
//! Under the name of a reference plugin it does what that one does in a chain. It keeps nothing: whatever it is asked
//! later it asks `netd`.

mod attach;
mod check;
mod config;
mod error;
mod invocation;
mod namespace;
mod network;
mod plugin;
mod reference;
mod result;

use std::io::{Write, stderr, stdin, stdout};
use std::path::Path;
use std::process::ExitCode;

use serde_json::{Value, json};

use config::Config;
use error::CniError;
use invocation::{Command, Invocation};
use plugin::{Call, Plugin};

/// The versions of the specification that are spoken, the newest last.
const VERSIONS: [&str; 5] = ["0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0"];
/// The version of the reference plugins whose configurations are understood: runtimes ask for one that is recent enough.
const REFERENCE_VERSION: &str = "1.9.1";

/// Does what the environment asks for; the result or the error is on the standard output.
///
/// Without a command it introduces itself, as the reference plugins do.
pub fn run() -> ExitCode {
    let own = std::env::args().next().unwrap_or_default();
    let name = Path::new(&own).file_name().unwrap_or_default();
    let name = name.to_string_lossy();
    if std::env::var_os("CNI_COMMAND").is_none() {
        introduce(&name);
        return ExitCode::SUCCESS;
    }
    let mut version = VERSIONS[VERSIONS.len() - 1].to_owned();
    match answer(plugin::named(&name), &mut version) {
        Ok(None) => ExitCode::SUCCESS,
        Ok(Some(result)) => {
            say(&mut stdout(), &result.to_string());
            ExitCode::SUCCESS
        }
        Err(error) => {
            say(&mut stdout(), &error.document(&version).to_string());
            ExitCode::FAILURE
        }
    }
}

/// The result, in the version that was asked for, which `version` is set to once it is known.
fn answer(plugin: &dyn Plugin, version: &mut String) -> Result<Option<Value>, CniError> {
    let config = Config::read(stdin().lock())?;
    let invocation = Invocation::from_environment()?;
    if invocation.command == Command::Version {
        return Ok(Some(
            json!({"cniVersion": config.cni_version, "supportedVersions": VERSIONS}),
        ));
    }
    config.check_version(invocation.command)?;
    version.clone_from(&config.cni_version);
    let sandboxes = attach::sandboxes(&config);
    let call = |config, sandboxes| {
        Ok::<_, CniError>(Call {
            config,
            attachment: invocation.attachment()?,
            sandboxes,
        })
    };
    match invocation.command {
        Command::Add => plugin.add(&call(config, sandboxes)?).map(Some),
        Command::Del => plugin.del(&call(config, sandboxes)?).map(|()| None),
        Command::Check => plugin.check(&call(config, sandboxes)?).map(|()| None),
        Command::Gc => plugin.collect(&sandboxes, &config).map(|()| None),
        Command::Status => plugin.status(&sandboxes).map(|()| None),
        Command::Version => unreachable!("answered above"),
    }
}

/// nerdctl reads the version of `firewall` from this.
fn introduce(name: &str) {
    let version = match name {
        "rnet" | "rnet-cni" => env!("CARGO_PKG_VERSION"),
        _ => REFERENCE_VERSION,
    };
    let name = if name == "rnet-cni" { "rnet" } else { name };
    let spoken = VERSIONS.join(", ");
    say(
        &mut stderr(),
        &format!("CNI {name} plugin v{version}\nCNI protocol versions supported: {spoken}"),
    );
}

/// A runtime that is gone is told nothing.
fn say(to: &mut impl Write, text: &str) {
    let _ = writeln!(to, "{text}");
}
