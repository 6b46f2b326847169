//! `ps`: which containers there are.

use bollard::models::ContainerSummary;
use clap::Args;
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::api::{Api, segment};
use crate::error::{Error, Result};
use crate::parse::pair::{self, Filter};
use crate::show::listing::{Listing, Shown};
use crate::show::{human, ports};

const CONTAINERS: Listing = Listing {
    fields: &[
        ("ID", "CONTAINER ID"),
        ("Image", "IMAGE"),
        ("Command", "COMMAND"),
        ("RunningFor", "CREATED"),
        ("CreatedAt", "CREATED AT"),
        ("Status", "STATUS"),
        ("State", "STATE"),
        ("Ports", "PORTS"),
        ("Names", "NAMES"),
        ("Networks", "NETWORKS"),
        ("Mounts", "MOUNTS"),
        ("Labels", "LABELS"),
    ],
    table: "table {{.ID}}\t{{.Image}}\t{{.Command}}\t{{.RunningFor}}\t{{.Status}}\t{{.Ports}}\t{{.Names}}",
};

const COMMAND_WIDTH: usize = 20;

/// List containers
#[derive(Args)]
pub(crate) struct Ps {
    /// Show stopped containers too
    #[arg(short, long)]
    all: bool,
    /// Show only those that fit, for instance status=running or network=NAME
    #[arg(short, long, value_name = "KEY=VALUE")]
    filter: Vec<Filter>,
    /// Show the newest so many, running or not
    #[arg(short = 'n', long, value_name = "NUMBER")]
    last: Option<i32>,
    /// Show the newest, running or not
    #[arg(short, long)]
    latest: bool,
    #[command(flatten)]
    shown: Shown,
}

impl Ps {
    pub(crate) async fn run(self, api: &Api) -> Result<u8> {
        let filters = json!(pair::filters(&self.filter)).to_string();
        let mut path = format!(
            "/containers/json?all={}&filters={}",
            self.all,
            segment(&filters)
        );
        if let Some(limit) = self.last.or(self.latest.then_some(1)) {
            path.push_str(&format!("&limit={limit}"));
        }
        let containers = api.document(&path).await?;
        let containers: Vec<Listed> = serde_json::from_value(containers).map_err(Error::answer)?;
        let rows: Vec<_> = containers
            .into_iter()
            .map(|container| row(container, self.shown.no_trunc))
            .collect();
        CONTAINERS.show(&rows, &self.shown)?;
        Ok(0)
    }
}

/// A container in a list, whose ports tell more than Docker's.
#[derive(Deserialize)]
struct Listed {
    #[serde(rename = "Ports", default)]
    ports: Vec<ports::Port>,
    #[serde(flatten)]
    container: ContainerSummary,
}

fn row(Listed { ports, container }: Listed, no_trunc: bool) -> Value {
    let id = container.id.unwrap_or_default();
    let command = container.command.unwrap_or_default();
    let created = container
        .created
        .and_then(|seconds| Timestamp::from_second(seconds).ok());
    let names = container.names.unwrap_or_default();
    let names: Vec<_> = names
        .iter()
        .map(|name| name.trim_start_matches('/'))
        .collect();
    let mounts = container.mounts.unwrap_or_default();
    let mounts = mounts
        .into_iter()
        .filter_map(|mount| mount.name.or(mount.source));
    let networks = container
        .network_settings
        .and_then(|settings| settings.networks);
    let labels = container.labels.unwrap_or_default();
    json!({
        "ID": if no_trunc { id.as_str() } else { human::short(&id) },
        "Image": container.image,
        "Command": match no_trunc {
            true => format!("\"{command}\""),
            false => format!("\"{}\"", human::cut(&command, COMMAND_WIDTH)),
        },
        "CreatedAt": created.map(human::local),
        "RunningFor": created.map(|then| human::ago(then, Timestamp::now())),
        "Ports": ports::line(&ports),
        "State": container.state.map(|state| state.to_string()),
        "Status": container.status,
        "Names": names.join(","),
        "Networks": sorted(networks.unwrap_or_default().into_keys()),
        "Mounts": sorted(mounts),
        "Labels": sorted(labels.into_iter().map(|(key, value)| format!("{key}={value}"))),
    })
}

fn sorted(words: impl Iterator<Item = String>) -> String {
    let mut words: Vec<_> = words.collect();
    words.sort();
    words.join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_is_short_unless_it_shall_not_be() {
        let summary = || ContainerSummary {
            id: Some("0123456789abcdef".into()),
            names: Some(vec!["/web".into()]),
            command: Some("httpd -f -p 80 -h /a/long/path".into()),
            ..Default::default()
        };
        let container = || Listed {
            ports: Vec::new(),
            container: summary(),
        };
        let short = row(container(), false);
        assert_eq!(short["ID"], "0123456789ab");
        assert_eq!(short["Command"], "\"httpd -f -p 80 -h /…\"");
        assert_eq!(short["Names"], "web");
        assert_eq!(row(container(), true)["ID"], "0123456789abcdef");
    }
}
