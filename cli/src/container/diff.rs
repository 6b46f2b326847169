//! `diff`: what a container has changed.

use bollard::models::ChangeType;
use clap::Args;

use crate::api::{Api, segment};
use crate::error::Result;
use crate::show::output;

/// Show what a container has added (A), changed (C) and deleted (D) of its image's files
#[derive(Args)]
pub(crate) struct Diff {
    /// Name or id
    container: String,
}

impl Diff {
    pub(crate) async fn run(self, api: &Api) -> Result<u8> {
        let name = segment(&self.container);
        let changes = api.docker.container_changes(&name).await?;
        for change in changes.into_iter().flatten() {
            let kind = match change.kind {
                ChangeType::_0 => 'C',
                ChangeType::_1 => 'A',
                ChangeType::_2 => 'D',
            };
            output::line(format!("{kind} {}", change.path))?;
        }
        Ok(0)
    }
}
