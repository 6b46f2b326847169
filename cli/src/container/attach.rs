//! `attach`, and what it shares with `run` and `start`: a container in the foreground.

use std::future::pending;

use bollard::models::ContainerWaitResponse;
use bollard::query_parameters::ResizeContainerTTYOptions;
use bytes::Bytes;
use clap::{ArgAction, Args};
use hyper::body::Incoming;
use hyper::{Method, Response};
use rnet_model::DetachKeys;
use tokio::select;

use crate::api::{self, Api, segment};
use crate::error::{Error, Result};
use crate::stream::session::{End, Session, Streams};
use crate::stream::signals::Signals;

/// The exit code when the daemon cannot tell the container's (docker.md 4.3).
pub(super) const UNKNOWN: u8 = 125;

/// Show a running container's output, pass on signals and input, and return its exit code
#[derive(Args)]
pub(crate) struct Attach {
    /// Do not forward standard input
    #[arg(long)]
    no_stdin: bool,
    #[command(flatten)]
    manner: Manner,
    /// Name or id
    container: String,
}

/// How a container is attached to.
#[derive(Args, Clone)]
pub(crate) struct Manner {
    /// Leave it by these keys, for instance ctrl-a,d [default: ctrl-p,ctrl-q]
    #[arg(long, value_name = "KEYS")]
    pub(super) detach_keys: Option<DetachKeys>,
    /// Pass signals on to it [default: true]
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", action = ArgAction::Set)]
    sig_proxy: Option<bool>,
}

impl Attach {
    pub(crate) async fn run(self, api: &Api) -> Result<u8> {
        let container = &self.container;
        let document = api
            .document(&format!("/containers/{}/json", segment(container)))
            .await?;
        if document["State"]["Running"] != true {
            return Err(Error::Conflict(
                "cannot attach to a stopped container: start it first",
            ));
        }
        let is = |field: &str| document["Config"][field].as_bool().unwrap_or_default();
        let streams = Streams::new(is("Tty"), is("OpenStdin") && !self.no_stdin)?;
        Attached::open(api, container, streams, self.manner, Until::NotRunning)
            .await?
            .follow()
            .await
    }
}

/// What the end of a container is for the one who waits.
#[derive(Clone, Copy)]
pub(crate) enum Until {
    /// It does not run, now or in future.
    NotRunning,
    /// It ends after it was started.
    NextExit,
    /// It has ended and is gone.
    Removed,
}

impl Until {
    const fn as_str(self) -> &'static str {
        match self {
            Self::NotRunning => "not-running",
            Self::NextExit => "next-exit",
            Self::Removed => "removed",
        }
    }
}

/// A container whose output, input, signals and exit are ours, be it started yet or not.
pub(crate) struct Attached<'a> {
    api: &'a Api,
    container: &'a str,
    session: Session,
    /// None where they are not for the container.
    signals: Option<Signals>,
    exit: Response<Incoming>,
}

impl<'a> Attached<'a> {
    /// Attaches to `container`. When this returns, the daemon listens: nothing that the container
    /// does from now on is missed, not even its end.
    pub(crate) async fn open(
        api: &'a Api,
        container: &'a str,
        streams: Streams,
        manner: Manner,
        until: Until,
    ) -> Result<Self> {
        let name = segment(container);
        let stdin = u8::from(streams.stdin());
        let keys = manner
            .detach_keys
            .as_ref()
            .map_or_else(String::new, |keys| {
                // the daemon looks for them as well
                format!("&detachKeys={}", segment(&keys.to_string()))
            });
        let path =
            format!("/containers/{name}/attach?stream=1&stdin={stdin}&stdout=1&stderr=1{keys}");
        let streams = streams.left_by(manner.detach_keys);
        let connection = api.hijack(&path, Bytes::new()).await?;
        let path = format!("/containers/{name}/wait?condition={}", until.as_str());
        let exit = api.open(Method::POST, &path).await?;
        let caught = manner.sig_proxy.unwrap_or(true).then(Signals::catch);
        let (signals, session) = (caught.transpose()?, Session::new(connection, streams)?);
        Ok(Self {
            api,
            container,
            session,
            signals,
            exit,
        })
    }

    /// Stays with the container until it ends, and returns its exit code; 0 if we are detached.
    pub(crate) async fn follow(self) -> Result<u8> {
        let Self {
            api,
            container,
            session,
            signals,
            exit,
        } = self;
        let name = &segment(container);
        let resize = async |rows, columns| {
            let size = ResizeContainerTTYOptions {
                h: i32::from(rows),
                w: i32::from(columns),
            };
            // The container may not have started yet or have ended already.
            let _ = api.docker.resize_container_tty(name, size).await;
        };
        let ended = async {
            match session.carry(resize).await? {
                End::Output => exit_code(exit).await,
                End::Detached => Ok(0),
            }
        };
        let forwarding = async {
            match signals {
                Some(signals) => signals.forward(api, container).await,
                None => pending().await,
            }
        };
        select! {
            code = ended => code,
            code = forwarding => match code {},
        }
    }
}

async fn exit_code(exit: Response<Incoming>) -> Result<u8> {
    let exit: ContainerWaitResponse = api::read(exit).await?;
    let failure = exit.error.and_then(|error| error.message);
    match failure.filter(|message| !message.is_empty()) {
        None => Ok(low_byte(exit.status_code)),
        Some(message) => Err(Error::NotStarted {
            code: UNKNOWN,
            message,
        }),
    }
}

/// The part of an exit code that the kernel hands on (wait(2)).
pub(super) const fn low_byte(code: i64) -> u8 {
    code.to_le_bytes()[0]
}
