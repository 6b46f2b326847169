//! The place of `netavark` under podman: the same commands and documents (netavark 2.1.0), answered by `netd`.
//!
//! ```text
//! podman ── setup NETNS, networks and ports ──▶ rnet-netavark ── one request ──▶ netd
//!        ◀── addresses, DNS ──                                ◀── the sandbox ──
//! ```
//! podman leases addresses itself; a network that is made here leaves it the lower half of each subnet, and the upper
//! one to everybody else's containers.

mod create;
mod document;
mod error;
mod network;
mod plugin;
mod request;
mod setup;

use std::ffi::OsStr;
use std::io::{Write, stdin, stdout};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use serde_json::{Value, json};

use crate::netd::{Netd, SOCKET};
use crate::sandboxes::Sandboxes;
use document::Document;
use error::NetavarkError;

/// The version whose contract this is: podman asks for one it knows.
const VERSION: &str = "2.1.0";
/// What names the daemon's socket where it is not the default.
const SOCKET_VARIABLE: &str = "RNET_SOCKET";
/// What `netd` knows these sandboxes by.
const RUNTIME: &str = "podman";

/// Attaches podman's containers to rnet's networks, in place of netavark
#[derive(Parser)]
#[command(name = "netavark", version = VERSION)]
struct Arguments {
    /// Where the document is that is read from the standard input otherwise
    #[arg(short, long)]
    file: Option<PathBuf>,
    #[command(flatten)]
    _ignored: Ignored,
    #[command(subcommand)]
    command: Command,
}

/// What only the other netavark needs: rnet's firewall, records and names are `netd`'s.
#[derive(clap::Args)]
struct Ignored {
    #[arg(long, env = "NETAVARK_FW", global = true, hide = true)]
    firewall_driver: Option<String>,
    #[arg(short, long, global = true, hide = true)]
    config: Option<PathBuf>,
    #[arg(short, long, global = true, hide = true)]
    rootless: Option<String>,
    #[arg(short, long, global = true, hide = true)]
    aardvark_binary: Option<PathBuf>,
    #[arg(long, global = true, hide = true)]
    plugin_directory: Vec<PathBuf>,
}

#[derive(Subcommand)]
enum Command {
    /// Complete the description of a network, by podman 6
    Create,
    /// Attach a container to networks
    Setup { namespace: PathBuf },
    /// Detach a container from networks
    Teardown { namespace: PathBuf },
    /// Change the DNS servers of a network
    Update {
        name: String,
        #[arg(long)]
        network_dns_servers: Option<String>,
    },
    /// Tell the version
    Version,
    /// Write rules again that a firewall's restart removed: netd does so by itself
    #[command(alias = "firewalld-reload")]
    FirewallReload,
}

/// Puts podman's containers on rnet's networks, as a plugin of netavark's
#[derive(Parser)]
#[command(name = "rnet", version)]
struct PluginArguments {
    #[command(subcommand)]
    command: PluginCommand,
}

#[derive(Subcommand)]
enum PluginCommand {
    /// Make a network
    Create,
    /// Attach a container to a network
    Setup { namespace: PathBuf },
    /// Detach a container from a network
    Teardown { namespace: PathBuf },
    /// Tell the version
    Info,
}

/// Does what the command line asks for; documents and errors are on the standard output.
pub fn run() -> ExitCode {
    let own = std::env::args_os().next().map(PathBuf::from);
    let own = own.as_deref().and_then(Path::file_name);
    if own == Some(OsStr::new("aardvark-dns")) {
        return be_aardvark();
    }
    let name = own.and_then(OsStr::to_str).unwrap_or_default();
    let answered = match plugin::driver(name) {
        Some(driver) => answer_as_plugin(driver, &PluginArguments::parse()),
        None => answer(&Arguments::parse()),
    };
    let (document, code) = match answered {
        Ok(document) => (document, ExitCode::SUCCESS),
        Err(error) => (Some(json!({"error": error.chain()})), ExitCode::FAILURE),
    };
    if let Some(document) = document {
        // a podman that is gone is told nothing
        let _ = writeln!(stdout(), "{document}");
    }
    code
}

/// podman resolves names on networks where it finds this program; there is nothing to run, for `netd` answers.
fn be_aardvark() -> ExitCode {
    let asked = std::env::args().any(|it| matches!(it.as_str(), "version" | "--version" | "-V"));
    if asked {
        let _ = writeln!(stdout(), "aardvark-dns {VERSION}");
    }
    ExitCode::SUCCESS
}

fn sandboxes() -> Sandboxes {
    let socket = std::env::var_os(SOCKET_VARIABLE).unwrap_or_else(|| SOCKET.into());
    Sandboxes::new(Netd::at(Path::new(&socket)), RUNTIME)
}

fn answer_as_plugin(
    driver: &str,
    arguments: &PluginArguments,
) -> Result<Option<Value>, NetavarkError> {
    let (sandboxes, input) = (sandboxes(), stdin().lock());
    match &arguments.command {
        PluginCommand::Create => plugin::create(&sandboxes, driver, input).map(Some),
        PluginCommand::Setup { namespace } => {
            plugin::setup(&sandboxes, driver, namespace, input).map(Some)
        }
        PluginCommand::Teardown { .. } => {
            plugin::teardown(&sandboxes, driver, input).map(|()| None)
        }
        PluginCommand::Info => Ok(Some(plugin::info())),
    }
}

fn answer(arguments: &Arguments) -> Result<Option<Value>, NetavarkError> {
    let sandboxes = sandboxes();
    let document = || match &arguments.file {
        Some(path) => Document::open(path),
        None => Document::read(stdin().lock()),
    };
    match &arguments.command {
        Command::Create => {
            let read = match &arguments.file {
                Some(path) => std::fs::read_to_string(path),
                None => std::io::read_to_string(stdin()),
            };
            let wish = read
                .map_err(serde_json::Error::io)
                .and_then(|text| serde_json::from_str(&text));
            let wish = wish.map_err(|source| NetavarkError::Read { source })?;
            create::create(wish).map(Some)
        }
        Command::Setup { namespace } => setup::setup(&sandboxes, namespace, &document()?).map(Some),
        Command::Teardown { .. } => setup::teardown(&sandboxes, &document()?).map(|()| None),
        Command::Update {
            name,
            network_dns_servers,
        } => match network_dns_servers.as_deref().unwrap_or_default() {
            "" => Ok(None),
            _ => Err(NetavarkError::Unsupported {
                network: name.clone(),
                what: "DNS servers of a network: give them to its containers".to_owned(),
            }),
        },
        Command::Version => Ok(Some(json!({
            "version": VERSION,
            "commit": format!("rnet {}", env!("CARGO_PKG_VERSION")),
            "build_time": "",
            "target": std::env::consts::ARCH,
            "default_fw_driver": "nftables",
        }))),
        Command::FirewallReload => Ok(None),
    }
}
