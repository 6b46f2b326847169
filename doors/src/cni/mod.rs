//! The CNI plugin: containerd, CRI-O, Kubernetes and podman's CNI mode attach to rnet's networks (CNI specification 1.1.0).
//!
//! ```text
//! runtime ── environment, config ──▶ rnet-cni ── one request ──▶ netd
//!         ◀── result, or error ────           ◀── the sandbox ──
//! ```
//! It keeps nothing: whatever it is asked later it asks `netd`.

mod check;
mod config;
mod error;
mod invocation;
mod network;
mod result;
mod sandbox;

use std::io::{Write, stderr, stdin, stdout};
use std::process::ExitCode;

use serde_json::{Value, json};

use config::Config;
use error::CniError;
use invocation::{Command, Invocation};

/// The versions of the specification that are spoken, the newest last.
const VERSIONS: [&str; 5] = ["0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0"];

/// Does what the environment asks for; the result or the error is on the standard output.
///
/// Without a command it introduces itself, as the reference plugins do.
pub fn run() -> ExitCode {
    if std::env::var_os("CNI_COMMAND").is_none() {
        let (version, spoken) = (env!("CARGO_PKG_VERSION"), VERSIONS.join(", "));
        say(
            &mut stderr(),
            &format!("CNI rnet plugin v{version}\nCNI protocol versions supported: {spoken}"),
        );
        return ExitCode::SUCCESS;
    }
    let mut version = VERSIONS[VERSIONS.len() - 1].to_owned();
    match answer(&mut version) {
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
fn answer(version: &mut String) -> Result<Option<Value>, CniError> {
    let config = Config::read(stdin().lock())?;
    let invocation = Invocation::from_environment()?;
    if invocation.command == Command::Version {
        return Ok(Some(
            json!({"cniVersion": config.cni_version, "supportedVersions": VERSIONS}),
        ));
    }
    config.check_version(invocation.command)?;
    version.clone_from(&config.cni_version);
    let sandboxes = sandbox::sandboxes(&config);
    match invocation.command {
        Command::Add => {
            let attachment = invocation.attachment()?;
            let shown = sandbox::add(&sandboxes, &config, &attachment)?;
            result::of(&config, &attachment, &shown).map(Some)
        }
        Command::Del => {
            let attachment = invocation.attachment()?;
            sandboxes.detach(&attachment.container, attachment.ifname.as_str())?;
            Ok(None)
        }
        Command::Check => {
            let attachment = invocation.attachment()?;
            let shown = sandboxes.show(&attachment.container)?;
            check::check(&config, &attachment, &shown).map(|()| None)
        }
        Command::Gc => sandbox::collect(&sandboxes, &config).map(|()| None),
        Command::Status => sandbox::is_ready(&sandboxes).map(|()| None),
        Command::Version => unreachable!("answered above"),
    }
}

/// A runtime that is gone is told nothing.
fn say(to: &mut impl Write, text: &str) {
    let _ = writeln!(to, "{text}");
}
