//! `system df`: the room that images, containers and volumes take.

use clap::Args;
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::api::Api;
use crate::error::Result;
use crate::show::listing::{Listing, Shown};
use crate::show::{human, output};

const KINDS: Listing = Listing {
    fields: &[
        ("Type", "TYPE"),
        ("TotalCount", "TOTAL"),
        ("Active", "ACTIVE"),
        ("Size", "SIZE"),
        ("Reclaimable", "RECLAIMABLE"),
    ],
    table: "table {{.Type}}\t{{.TotalCount}}\t{{.Active}}\t{{.Size}}\t{{.Reclaimable}}",
};

const IMAGES: Listing = Listing {
    fields: &[
        ("Name", "IMAGE"),
        ("ID", "IMAGE ID"),
        ("Created", "CREATED"),
        ("Size", "SIZE"),
        ("Shared", "SHARED SIZE"),
        ("Unique", "UNIQUE SIZE"),
        ("Containers", "CONTAINERS"),
    ],
    table: "table {{.Name}}\t{{.ID}}\t{{.Created}}\t{{.Size}}\t{{.Shared}}\t{{.Unique}}\t{{.Containers}}",
};

const CONTAINERS: Listing = Listing {
    fields: &[
        ("ID", "CONTAINER ID"),
        ("Image", "IMAGE"),
        ("Size", "SIZE"),
        ("Status", "STATUS"),
        ("Name", "NAMES"),
    ],
    table: "table {{.ID}}\t{{.Image}}\t{{.Size}}\t{{.Status}}\t{{.Name}}",
};

const VOLUMES: Listing = Listing {
    fields: &[
        ("Name", "VOLUME NAME"),
        ("Links", "LINKS"),
        ("Size", "SIZE"),
    ],
    table: "table {{.Name}}\t{{.Links}}\t{{.Size}}",
};

/// Show the room that images, containers and volumes take
#[derive(Args)]
pub(crate) struct Usage {
    /// Show each of them
    #[arg(short, long, conflicts_with = "format")]
    verbose: bool,
    /// Show a Go template per row, `table TEMPLATE`, or `json`
    #[arg(long, value_name = "FORMAT")]
    format: Option<String>,
}

impl Usage {
    pub(crate) async fn run(self, api: &Api) -> Result<u8> {
        let usage = api.document("/system/df").await?;
        if self.verbose {
            return verbose(&usage).map(|()| 0);
        }
        let shown = Shown {
            format: self.format,
            ..Shown::default()
        };
        KINDS.show(
            &[images(&usage), containers(&usage), volumes(&usage)],
            &shown,
        )?;
        Ok(0)
    }
}

fn images(usage: &Value) -> Value {
    let all = list(usage, "Images");
    let (total, unused) = (
        number(&usage["LayersSize"]),
        all.iter().filter(|it| number(&it["Containers"]) == 0),
    );
    // what others share does not go with an image
    let reclaimable = unused
        .map(|it| number(&it["Size"]) - number(&it["SharedSize"]))
        .sum();
    let active = all
        .iter()
        .filter(|it| number(&it["Containers"]) > 0)
        .count();
    row("Images", all.len(), active, total, reclaimable)
}

fn containers(usage: &Value) -> Value {
    let all = list(usage, "Containers");
    let size = |it: &&Value| number(&it["SizeRw"]);
    let runs = |it: &&Value| {
        matches!(
            it["State"].as_str(),
            Some("running" | "paused" | "restarting")
        )
    };
    let (active, total) = (
        all.iter().filter(runs).count(),
        all.iter().map(|it| size(&it)).sum(),
    );
    row(
        "Containers",
        all.len(),
        active,
        total,
        all.iter().filter(|it| !runs(it)).map(|it| size(&it)).sum(),
    )
}

fn volumes(usage: &Value) -> Value {
    let all = list(usage, "Volumes");
    let (used, size) = (
        |it: &&Value| number(&it["UsageData"]["RefCount"]) > 0,
        |it: &Value| number(&it["UsageData"]["Size"]),
    );
    let reclaimable = all.iter().filter(|it| !used(it)).map(size).sum();
    row(
        "Local Volumes",
        all.len(),
        all.iter().filter(used).count(),
        all.iter().map(size).sum(),
        reclaimable,
    )
}

fn row(kind: &str, total: usize, active: usize, size: i64, reclaimable: i64) -> Value {
    let share = (reclaimable * 100)
        .checked_div(size)
        .map(|share| format!(" ({share}%)"));
    json!({
        "Type": kind,
        "TotalCount": total.to_string(),
        "Active": active.to_string(),
        "Size": human::size(size),
        "Reclaimable": format!("{}{}", human::size(reclaimable), share.unwrap_or_default()),
    })
}

fn verbose(usage: &Value) -> Result<()> {
    let ago = |seconds: &Value| {
        Timestamp::from_second(number(seconds))
            .ok()
            .map(|then| human::ago(then, Timestamp::now()))
    };
    let images = list(usage, "Images").iter().map(|it| {
        let (size, shared) = (number(&it["Size"]), number(&it["SharedSize"]));
        json!({
            "Name": it["RepoTags"][0].as_str().unwrap_or("<none>:<none>"),
            "ID": human::short(text(&it["Id"])),
            "Created": ago(&it["Created"]),
            "Size": human::size(size),
            "Shared": human::size(shared),
            "Unique": human::size(size - shared),
            "Containers": it["Containers"],
        })
    });
    let containers = list(usage, "Containers").iter().map(|it| {
        json!({
            "ID": human::short(text(&it["Id"])),
            "Image": it["Image"],
            "Size": human::size(number(&it["SizeRw"])),
            "Status": it["Status"],
            "Name": text(&it["Names"][0]).trim_start_matches('/'),
        })
    });
    let volumes = list(usage, "Volumes").iter().map(|it| {
        json!({
            "Name": it["Name"],
            "Links": it["UsageData"]["RefCount"],
            "Size": human::size(number(&it["UsageData"]["Size"])),
        })
    });
    let shown = Shown::default();
    output::line("Images space usage:\n")?;
    IMAGES.show(&images.collect::<Vec<_>>(), &shown)?;
    output::line("\nContainers space usage:\n")?;
    CONTAINERS.show(&containers.collect::<Vec<_>>(), &shown)?;
    output::line("\nLocal Volumes space usage:\n")?;
    VOLUMES.show(&volumes.collect::<Vec<_>>(), &shown)
}

fn list<'a>(usage: &'a Value, kind: &str) -> &'a [Value] {
    usage[kind].as_array().map_or(&[], Vec::as_slice)
}

fn number(value: &Value) -> i64 {
    value.as_i64().unwrap_or(0)
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}
