//! `history`: how an image came to be.

use bollard::models::ImageHistoryResponseItem;
use clap::Args;
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::api::{Api, segment};
use crate::error::Result;
use crate::show::human;
use crate::show::listing::{Listing, Shown};

/// The columns that a command is cut to, as Docker's.
const WIDTH: usize = 45;

const STEPS: Listing = Listing {
    fields: &[
        ("ID", "IMAGE"),
        ("CreatedSince", "CREATED"),
        ("CreatedAt", "CREATED AT"),
        ("CreatedBy", "CREATED BY"),
        ("Size", "SIZE"),
        ("Comment", "COMMENT"),
    ],
    table: "table {{.ID}}\t{{.CreatedSince}}\t{{.CreatedBy}}\t{{.Size}}\t{{.Comment}}",
};

/// Show how an image came to be, the last step first
#[derive(Args)]
pub(crate) struct History {
    /// Name or id
    image: String,
    #[command(flatten)]
    shown: Shown,
}

impl History {
    pub(crate) async fn run(self, api: &Api) -> Result<u8> {
        let steps = api.docker.image_history(&segment(&self.image)).await?;
        let no_trunc = self.shown.no_trunc;
        let rows: Vec<_> = steps.iter().map(|step| row(step, no_trunc)).collect();
        STEPS.show(&rows, &self.shown)?;
        Ok(0)
    }
}

fn row(step: &ImageHistoryResponseItem, no_trunc: bool) -> Value {
    let created = Timestamp::from_second(step.created).ok();
    let (id, by) = match no_trunc {
        true => (step.id.as_str(), step.created_by.clone()),
        false => (human::short(&step.id), human::cut(&step.created_by, WIDTH)),
    };
    json!({
        "ID": id,
        "CreatedSince": created.map(|then| human::ago(then, Timestamp::now())),
        "CreatedAt": created.map(human::local),
        "CreatedBy": by,
        "Size": human::size(step.size),
        "Comment": step.comment,
    })
}
