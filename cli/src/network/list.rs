//! `network ls`: which networks there are.

use bollard::models::Network;
use bollard::query_parameters::ListNetworksOptions;
use clap::Args;
use serde_json::{Value, json};

use crate::api::Api;
use crate::error::Result;
use crate::parse::pair::{self, Filter};
use crate::show::human;
use crate::show::listing::{Listing, Shown};

const NETWORKS: Listing = Listing {
    fields: &[
        ("ID", "NETWORK ID"),
        ("Name", "NAME"),
        ("Driver", "DRIVER"),
        ("Scope", "SCOPE"),
        ("IPv4", "IPV4"),
        ("IPv6", "IPV6"),
        ("Internal", "INTERNAL"),
        ("Labels", "LABELS"),
        ("CreatedAt", "CREATED AT"),
    ],
    table: "table {{.ID}}\t{{.Name}}\t{{.Driver}}\t{{.Scope}}",
};

/// List networks
#[derive(Args)]
pub(crate) struct List {
    /// Show only those that fit, for instance driver=bridge or name=TEXT
    #[arg(short, long, value_name = "KEY=VALUE")]
    filter: Vec<Filter>,
    #[command(flatten)]
    shown: Shown,
}

impl List {
    pub(super) async fn run(self, api: &Api) -> Result<u8> {
        let options = ListNetworksOptions {
            filters: Some(pair::filters(&self.filter)),
        };
        let mut networks = api.docker.list_networks(Some(options)).await?;
        networks.sort_by(|a, b| a.name.cmp(&b.name));
        let rows: Vec<_> = networks
            .into_iter()
            .map(|network| row(network, self.shown.no_trunc))
            .collect();
        NETWORKS.show(&rows, &self.shown)?;
        Ok(0)
    }
}

fn row(network: Network, no_trunc: bool) -> Value {
    let id = network.id.unwrap_or_default();
    let labels = network.labels.unwrap_or_default();
    let mut labels: Vec<_> = labels
        .iter()
        .map(|(key, value)| format!("{key}={value}"))
        .collect();
    labels.sort();
    json!({
        "ID": if no_trunc { id.as_str() } else { human::short(&id) },
        "Name": network.name,
        "Driver": network.driver,
        "Scope": network.scope,
        "IPv4": network.enable_ipv4,
        "IPv6": network.enable_ipv6,
        "Internal": network.internal,
        "Labels": labels.join(","),
        "CreatedAt": network.created,
    })
}
