//! `exec`: another command in a running container.

use std::path::PathBuf;

use bollard::exec::{CreateExecOptions, ResizeExecOptions, StartExecOptions};
use bytes::Bytes;
use clap::Args;
use rnet_model::DetachKeys;
use serde_json::json;

use super::attach::{UNKNOWN, low_byte};
use crate::api::{Api, segment};
use crate::error::Result;
use crate::parse::env;
use crate::stream::session::{Session, Streams};

/// Run a command in a running container, and return its exit code
#[derive(Args)]
#[command(override_usage = "rnet exec [OPTIONS] CONTAINER COMMAND [ARG...]")]
pub(crate) struct Exec {
    /// Leave the command in the background
    #[arg(short, long)]
    detach: bool,
    /// Forward standard input
    #[arg(short, long)]
    interactive: bool,
    /// Give the command a terminal
    #[arg(short, long)]
    tty: bool,
    /// Leave it by these keys, for instance ctrl-a,d [default: ctrl-p,ctrl-q]
    #[arg(long, value_name = "KEYS")]
    detach_keys: Option<DetachKeys>,
    /// Run as this user
    #[arg(short, long, value_name = "USER[:GROUP]")]
    user: Option<String>,
    /// Give the command every capability
    #[arg(long)]
    privileged: bool,
    /// Start in this directory
    #[arg(short, long, value_name = "DIRECTORY")]
    workdir: Option<String>,
    /// Set a variable; a bare NAME takes its value from here
    #[arg(short, long, value_name = "NAME[=VALUE]")]
    env: Vec<String>,
    /// Read variables from a file, one NAME=VALUE per line
    #[arg(long, value_name = "FILE")]
    env_file: Vec<PathBuf>,
    /// The container, then the command and its arguments
    #[arg(
        required = true,
        num_args = 2..,
        trailing_var_arg = true,
        value_names = ["CONTAINER", "COMMAND"]
    )]
    container_and_command: Vec<String>,
}

impl Exec {
    /// Returns the exit code of the command, or 0 once it is in the background.
    pub(crate) async fn run(mut self, api: &Api) -> Result<u8> {
        let attached = !self.detach;
        let stdin = self.interactive && attached;
        let keys = self.detach_keys.as_ref().map(ToString::to_string);
        let streams = Streams::new(self.tty, stdin)?.left_by(self.detach_keys);
        let command = self.container_and_command.split_off(1);
        let container = self.container_and_command.concat();
        let options = CreateExecOptions {
            attach_stdin: Some(stdin),
            detach_keys: keys,
            attach_stdout: Some(attached),
            attach_stderr: Some(attached),
            tty: Some(self.tty),
            env: Some(env::variables(&self.env_file, &self.env)?),
            cmd: Some(command),
            user: self.user,
            privileged: self.privileged.then_some(true),
            working_dir: self.workdir,
        };
        let exec = api
            .docker
            .create_exec(&segment(&container), options)
            .await?
            .id;
        if self.detach {
            let start = StartExecOptions {
                detach: true,
                tty: self.tty,
                ..Default::default()
            };
            api.docker.start_exec(&exec, Some(start)).await?;
            return Ok(0);
        }
        let start = json!({ "Detach": false, "Tty": self.tty }).to_string();
        let connection = api
            .hijack(&format!("/exec/{exec}/start"), Bytes::from(start))
            .await?;
        let resize = async |height, width| {
            // A command that has just ended has no size.
            let _ = api
                .docker
                .resize_exec(&exec, ResizeExecOptions { height, width })
                .await;
        };
        Session::new(connection, streams)?.carry(resize).await?;
        let ended = api.docker.inspect_exec(&exec).await?;
        Ok(ended.exit_code.map_or(UNKNOWN, low_byte))
    }
}
