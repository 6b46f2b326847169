//! Commands that change what containers there are and whether they run.

use bollard::query_parameters::{
    KillContainerOptions, RemoveContainerOptions, RenameContainerOptions, RestartContainerOptions,
    StopContainerOptions,
};
use clap::Args;
use futures_util::stream::{self, StreamExt};
use hyper::Method;

use crate::api::{self, Api, segment};
use crate::error::Result;
use crate::show::output;

/// As many containers are stopped at the same time.
const AT_ONCE: usize = 16;

/// Stop containers: by their stop signal, and after a time by KILL
#[derive(Args)]
pub(crate) struct Stop {
    /// Kill it if it has not stopped after so many seconds; -1 for never
    #[arg(
        short,
        long,
        alias = "time",
        value_name = "SECONDS",
        allow_hyphen_values = true
    )]
    timeout: Option<i32>,
    /// Send this signal first
    #[arg(short, long)]
    signal: Option<String>,
    /// Names or ids
    #[arg(required = true, value_name = "CONTAINER")]
    containers: Vec<String>,
}

/// Stop containers and start them again
#[derive(Args)]
pub(crate) struct Restart {
    #[command(flatten)]
    stop: Stop,
}

/// Send a signal to containers
#[derive(Args)]
pub(crate) struct Kill {
    /// The signal
    #[arg(short, long, default_value = "KILL")]
    signal: String,
    /// Names or ids
    #[arg(required = true, value_name = "CONTAINER")]
    containers: Vec<String>,
}

/// Hold all processes of containers still
#[derive(Args)]
pub(crate) struct Pause {
    /// Names or ids
    #[arg(required = true, value_name = "CONTAINER")]
    containers: Vec<String>,
}

/// Let the processes of paused containers go on
#[derive(Args)]
pub(crate) struct Unpause {
    /// Names or ids
    #[arg(required = true, value_name = "CONTAINER")]
    containers: Vec<String>,
}

/// Wait until containers have ended, and print their exit codes
#[derive(Args)]
pub(crate) struct Wait {
    /// Names or ids
    #[arg(required = true, value_name = "CONTAINER")]
    containers: Vec<String>,
}

/// Remove containers
#[derive(Args)]
pub(crate) struct Remove {
    /// Kill the container first if it runs
    #[arg(short, long)]
    force: bool,
    /// Remove its anonymous volumes too
    #[arg(short, long)]
    volumes: bool,
    /// Names or ids
    #[arg(required = true, value_name = "CONTAINER")]
    containers: Vec<String>,
}

/// Give a container another name
#[derive(Args)]
pub(crate) struct Rename {
    /// Name or id
    container: String,
    /// Its new name
    new_name: String,
}

impl Stop {
    pub(crate) async fn run(self, api: &Api) -> Result<u8> {
        let options = StopContainerOptions {
            signal: self.signal,
            t: self.timeout,
        };
        each(&self.containers, async |container| {
            Ok(api
                .docker
                .stop_container(&segment(container), Some(options.clone()))
                .await?)
        })
        .await
    }
}

impl Restart {
    pub(crate) async fn run(self, api: &Api) -> Result<u8> {
        let options = RestartContainerOptions {
            signal: self.stop.signal,
            t: self.stop.timeout,
        };
        each(&self.stop.containers, async |container| {
            Ok(api
                .docker
                .restart_container(&segment(container), Some(options.clone()))
                .await?)
        })
        .await
    }
}

impl Kill {
    pub(crate) async fn run(self, api: &Api) -> Result<u8> {
        let options = KillContainerOptions {
            signal: self.signal,
        };
        each(&self.containers, async |container| {
            Ok(api
                .docker
                .kill_container(&segment(container), Some(options.clone()))
                .await?)
        })
        .await
    }
}

impl Pause {
    pub(crate) async fn run(self, api: &Api) -> Result<u8> {
        each(&self.containers, async |container| {
            Ok(api.docker.pause_container(&segment(container)).await?)
        })
        .await
    }
}

impl Unpause {
    pub(crate) async fn run(self, api: &Api) -> Result<u8> {
        each(&self.containers, async |container| {
            Ok(api.docker.unpause_container(&segment(container)).await?)
        })
        .await
    }
}

impl Wait {
    pub(crate) async fn run(self, api: &Api) -> Result<u8> {
        each_saying(&self.containers, async |container| {
            let path = format!("/containers/{}/wait", segment(container));
            let exit = api.open(Method::POST, &path).await?;
            let exit: bollard::models::ContainerWaitResponse = api::read(exit).await?;
            Ok(exit.status_code.to_string())
        })
        .await
    }
}

impl Remove {
    pub(crate) async fn run(self, api: &Api) -> Result<u8> {
        let options = RemoveContainerOptions {
            v: self.volumes,
            force: self.force,
            link: false,
        };
        each(&self.containers, async |container| {
            Ok(api
                .docker
                .remove_container(&segment(container), Some(options.clone()))
                .await?)
        })
        .await
    }
}

impl Rename {
    pub(crate) async fn run(self, api: &Api) -> Result<u8> {
        let options = RenameContainerOptions {
            name: self.new_name,
        };
        api.docker
            .rename_container(&segment(&self.container), options)
            .await?;
        Ok(0)
    }
}

/// Does `act` with each of `names`, and prints those it succeeded with.
///
/// A failure stops nothing: it is reported, and the exit code is 1 in the end.
pub(crate) async fn each(names: &[String], act: impl AsyncFn(&str) -> Result<()>) -> Result<u8> {
    each_saying(names, async |name| {
        act(name).await.map(|()| name.to_owned())
    })
    .await
}

/// Like [`each`], one after the other: what comes first may be in the way of what comes next.
pub(crate) async fn in_turn(names: &[String], act: impl AsyncFn(&str) -> Result<()>) -> Result<u8> {
    some_at_once(1, names, async |name| {
        act(name).await.map(|()| name.to_owned())
    })
    .await
}

/// Like [`each`], printing what `act` returns.
async fn each_saying(names: &[String], act: impl AsyncFn(&str) -> Result<String>) -> Result<u8> {
    some_at_once(AT_ONCE, names, act).await
}

async fn some_at_once(
    count: usize,
    names: &[String],
    act: impl AsyncFn(&str) -> Result<String>,
) -> Result<u8> {
    let mut results = stream::iter(names).map(|name| act(name)).buffered(count);
    let mut code = 0;
    while let Some(result) = results.next().await {
        match result {
            Ok(said) => output::line(said)?,
            Err(error) => {
                error.report();
                code = 1;
            }
        }
    }
    Ok(code)
}
