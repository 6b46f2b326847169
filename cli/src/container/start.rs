//! `start`: a container that is there already.

use bollard::query_parameters::StartContainerOptions;
use clap::Args;

use super::attach::{Attached, Manner, Until};
use super::lifecycle::each;
use crate::api::{Api, segment};
use crate::error::{Error, Result};
use crate::stream::session::Streams;

/// Start containers
#[derive(Args)]
pub(crate) struct Start {
    /// Show the container's output, pass on signals and return its exit code
    #[arg(short, long)]
    attach: bool,
    /// Forward standard input
    #[arg(short, long)]
    interactive: bool,
    #[command(flatten)]
    manner: Manner,
    /// Names or ids
    #[arg(required = true, value_name = "CONTAINER")]
    containers: Vec<String>,
}

impl Start {
    pub(crate) async fn run(self, api: &Api) -> Result<u8> {
        match self.containers.as_slice() {
            [container] if self.attach || self.interactive => {
                let document = api
                    .document(&format!("/containers/{}/json", segment(container)))
                    .await?;
                let tty = document["Config"]["Tty"].as_bool().unwrap_or_default();
                let streams = Streams::new(tty, self.interactive)?;
                let attached =
                    Attached::open(api, container, streams, self.manner, Until::NextExit).await?;
                start(api, container).await?;
                attached.follow().await
            }
            _ if self.attach || self.interactive => Err(Error::Conflict(
                "only one container can be attached to at a time",
            )),
            containers => each(containers, async |container| start(api, container).await).await,
        }
    }
}

/// Starts `container`; a refusal knows the exit code it stands for.
pub(crate) async fn start(api: &Api, container: &str) -> Result<()> {
    let started = api
        .docker
        .start_container(&segment(container), None::<StartContainerOptions>)
        .await;
    started.map_err(|error| match error.into() {
        Error::Daemon { message, .. } => Error::NotStarted {
            code: code(&message),
            message,
        },
        other => other,
    })
}

/// The exit code that a shell would give for the same reason.
fn code(message: &str) -> u8 {
    let says = |words: &[&str]| {
        words
            .iter()
            .any(|words| message.to_lowercase().contains(words))
    };
    // only of a program: a device or a mount that is not there is the command line's fault
    if !message.starts_with("exec") {
        125
    } else if says(&["executable file not found", "no such file or directory"]) {
        127
    } else if says(&["permission denied", "is a directory"]) {
        126
    } else {
        125
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reason_decides_the_exit_code() {
        for (message, expected) in [
            ("exec: \"nope\": executable file not found in $PATH", 127),
            ("exec /bin/nope: No such file or directory", 127),
            ("exec /etc: permission denied", 126),
            (
                "error gathering device information while adding custom device \"/dev/x\": No such file or directory",
                125,
            ),
            ("Bind for 0.0.0.0:80 failed: port is already allocated", 125),
        ] {
            assert_eq!(code(message), expected, "{message}");
        }
    }
}
