//! `sandbox`: network namespaces that others made, on rnet's networks.

mod exec_in;
mod oci_hook;
mod request;

pub(crate) use exec_in::ExecIn;
pub(crate) use oci_hook::OciHook;

use std::path::PathBuf;

use clap::{Args, Subcommand};
use hyper::Method;
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::api::{Api, segment};
use crate::container::lifecycle::each;
use crate::error::Result;
use crate::inspect::{Inspect, Kind};
use crate::parse::pair::{self, Filter};
use crate::prune;
use crate::show::listing::{Listing, Shown};
use crate::show::{human, output};
use request::Wishes;

const SANDBOXES: Listing = Listing {
    fields: &[
        ("ID", "SANDBOX ID"),
        ("Name", "NAME"),
        ("Runtime", "RUNTIME"),
        ("Networks", "NETWORKS"),
        ("NetNS", "NAMESPACE"),
        ("CreatedSince", "CREATED"),
    ],
    table: "table {{.ID}}\t{{.Name}}\t{{.Runtime}}\t{{.Networks}}\t{{.CreatedSince}}",
};

/// Manage network namespaces of other runtimes that are on rnet's networks
#[derive(Subcommand)]
pub(crate) enum Command {
    Create(Box<Create>),
    #[command(visible_alias = "list")]
    Ls(List),
    /// Show all about sandboxes, as JSON
    Inspect(Inspect),
    #[command(visible_alias = "remove")]
    Rm(Remove),
    Prune(Prune),
}

/// Put a network namespace on networks; prints the sandbox's id
///
/// `rnet network connect` and `disconnect` take the sandbox's name as they take a container's.
#[derive(Args)]
pub(crate) struct Create {
    /// The namespace's path, such as /run/netns/NAME
    #[arg(long, value_name = "PATH", required_unless_present = "pid")]
    netns: Option<PathBuf>,
    /// A process in the namespace; the sandbox goes when it ends
    #[arg(long, conflicts_with = "netns")]
    pid: Option<u32>,
    #[command(flatten)]
    wishes: Wishes,
    /// The name it answers to
    name: String,
}

/// List sandboxes
#[derive(Args)]
pub(crate) struct List {
    /// Show only those that fit, for instance network=NAME or runtime=cni
    #[arg(short, long, value_name = "KEY=VALUE")]
    filter: Vec<Filter>,
    #[command(flatten)]
    shown: Shown,
}

/// Take sandboxes off all their networks
#[derive(Args)]
pub(crate) struct Remove {
    /// Names or ids
    #[arg(required = true, value_name = "SANDBOX")]
    sandboxes: Vec<String>,
}

/// Remove the sandboxes whose namespace is gone
#[derive(Args)]
pub(crate) struct Prune {
    #[command(flatten)]
    prune: prune::Pruning,
}

impl Command {
    pub(crate) async fn run(self, api: &Api) -> Result<u8> {
        match self {
            Self::Create(command) => command.run(api).await,
            Self::Ls(command) => command.run(api).await,
            Self::Inspect(command) => command.run(api, Some(Kind::Sandbox)).await,
            Self::Rm(command) => command.run(api).await,
            Self::Prune(command) => command.run(api).await,
        }
    }
}

impl Create {
    async fn run(self, api: &Api) -> Result<u8> {
        let mut request = self.wishes.request(&self.name);
        request["NetNS"] = json!(self.netns);
        request["Pid"] = json!(self.pid);
        let made = api.post("/sandboxes/create", &request).await?;
        output::line(made["Id"].as_str().unwrap_or_default())?;
        Ok(0)
    }
}

impl List {
    async fn run(self, api: &Api) -> Result<u8> {
        let filters = json!(pair::filters(&self.filter)).to_string();
        let path = format!("/sandboxes/json?filters={}", segment(&filters));
        let sandboxes = api.document(&path).await?;
        let rows = sandboxes.as_array().into_iter().flatten().map(row);
        SANDBOXES.show(&rows.collect::<Vec<_>>(), &self.shown)?;
        Ok(0)
    }
}

impl Remove {
    async fn run(self, api: &Api) -> Result<u8> {
        each(&self.sandboxes, async |name| delete(api, name).await).await
    }
}

impl Prune {
    async fn run(self, api: &Api) -> Result<u8> {
        let question = "Remove all sandboxes whose network namespace is gone?";
        let act = async |_| {
            let removed = api.post("/sandboxes/prune", &json!({})).await?;
            let names = removed["SandboxesDeleted"].as_array().cloned();
            let names = names.into_iter().flatten();
            let names = names.filter_map(|name| name.as_str().map(str::to_owned));
            Ok(Some(names.collect()))
        };
        self.prune.run(question, act).await
    }
}

/// Takes a sandbox off all its networks.
async fn delete(api: &Api, name: &str) -> Result<()> {
    let path = format!("/sandboxes/{}", segment(name));
    api.open(Method::DELETE, &path).await.map(drop)
}

fn row(sandbox: &Value) -> Value {
    let networks = sandbox["NetworkSettings"]["Networks"].as_object();
    let networks: Vec<_> = networks.into_iter().flat_map(|it| it.keys()).collect();
    let created = sandbox["Created"].as_str().and_then(|it| it.parse().ok());
    let created = created.map(|it| human::ago(it, Timestamp::now()));
    json!({
        "ID": sandbox["Id"],
        "Name": sandbox["Name"],
        "Runtime": sandbox["Runtime"],
        "Networks": networks.iter().map(|it| it.as_str()).collect::<Vec<_>>().join(","),
        "NetNS": sandbox["NetNS"],
        "CreatedSince": created,
    })
}
