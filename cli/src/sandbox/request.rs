//! What a sandbox is asked to be.

use clap::Args;
use serde_json::{Map, Value, json};

use crate::parse::attachment::Attachment;
use crate::parse::pair::{self, Pair};
use crate::parse::ports::{self, Publish};

/// The options that all ways to make a sandbox share.
#[derive(Args, Default)]
pub(crate) struct Wishes {
    /// A network to be on: NAME, or name=NAME,ip=…,alias=…
    #[arg(long = "network", alias = "net", value_name = "NETWORK")]
    pub(super) networks: Vec<Attachment>,
    /// Publish a port of it: [[ADDRESS:]HOST_PORT:]PORT[/PROTOCOL]
    #[arg(short, long, value_name = "PORT")]
    pub(super) publish: Vec<Publish>,
    /// One more name on its networks
    #[arg(long, value_name = "NAME")]
    pub(super) network_alias: Vec<String>,
    /// A DNS server for names that are not rnet's
    #[arg(long, value_name = "ADDRESS")]
    pub(super) dns: Vec<std::net::IpAddr>,
    /// Set metadata
    #[arg(short, long, value_name = "KEY=VALUE")]
    pub(super) label: Vec<Pair>,
}

impl Wishes {
    /// The body of `POST /sandboxes/create`, but for the namespace.
    pub(super) fn request(self, name: &str) -> Value {
        let mut labels = pair::map(&self.label);
        labels.extend(ports::labels(&self.publish));
        let mut endpoints = Map::new();
        for Attachment { network, endpoint } in self.networks {
            let mut endpoint = endpoint;
            endpoint.aliases.extend(self.network_alias.iter().cloned());
            endpoints.insert(network, json!(endpoint.settings()));
        }
        json!({
            "Name": name,
            "PortBindings": ports::bindings(&self.publish),
            "Dns": self.dns,
            "Labels": labels,
            "NetworkingConfig": {"EndpointsConfig": endpoints},
        })
    }
}
