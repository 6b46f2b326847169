//! `oci-hook`: containers of runc, crun and youki on networks, by annotations of their configuration.
//!
//! The runtime calls it with the container's state on the standard input (OCI runtime specification 1.2, `config.md`,
//! "POSIX-platform Hooks"): `createRuntime` when there is a namespace, `poststop` when the container is gone.

use std::collections::BTreeMap;
use std::io;
use std::str::FromStr;

use clap::{Args, ValueEnum};
use hyper::Method;
use serde::Deserialize;

use super::request::Wishes;
use crate::api::{Api, segment};
use crate::error::{Error, Result};
use crate::parse::Refused;

/// What `netd` knows these sandboxes by.
const RUNTIME: &str = "oci";

/// Attach a container of an OCI runtime, or detach it, as a hook of that runtime
///
/// The container's annotations say to what: rnet.network (NAME, or name=NAME,ip=…,alias=…; several with spaces between),
/// rnet.publish (8080:80 …), rnet.name, rnet.alias. Without rnet.network nothing is done.
#[derive(Args)]
pub(crate) struct OciHook {
    /// Which hook it is
    hook: Hook,
}

#[derive(Clone, Copy, ValueEnum)]
enum Hook {
    /// Attach
    #[value(name = "createRuntime", alias = "prestart")]
    CreateRuntime,
    /// Detach
    #[value(name = "poststop")]
    Poststop,
}

/// The state of a container (OCI runtime specification 1.2, `runtime.md`, "State").
#[derive(Deserialize)]
struct State {
    id: String,
    #[serde(default)]
    pid: u32,
    #[serde(default)]
    annotations: BTreeMap<String, String>,
}

impl OciHook {
    pub(crate) async fn run(self, api: &Api) -> Result<u8> {
        let state: State =
            serde_json::from_reader(io::stdin()).map_err(|source| Error::HookState { source })?;
        if !state.annotations.contains_key("rnet.network") {
            return Ok(0);
        }
        match self.hook {
            Hook::CreateRuntime => {
                let name = state.annotations.get("rnet.name").unwrap_or(&state.id);
                let mut request = wishes(&state)?.request(name);
                request["ContainerID"] = state.id.clone().into();
                request["Runtime"] = RUNTIME.into();
                request["Pid"] = state.pid.into();
                api.post("/sandboxes/create", &request).await.map(drop)?;
            }
            Hook::Poststop => {
                let path = format!("/sandboxes/{}?runtime={RUNTIME}", segment(&state.id));
                match api.open(Method::DELETE, &path).await {
                    // its process has ended, which netd saw as well
                    Err(Error::Daemon { status: 404, .. }) => {}
                    answer => drop(answer?),
                }
            }
        }
        Ok(0)
    }
}

fn wishes(state: &State) -> Result<Wishes> {
    Ok(Wishes {
        networks: read(state, "rnet.network")?,
        publish: read(state, "rnet.publish")?,
        network_alias: words(state, "rnet.alias").map(str::to_owned).collect(),
        ..Wishes::default()
    })
}

fn words<'a>(state: &'a State, key: &str) -> impl Iterator<Item = &'a str> {
    let value = state.annotations.get(key);
    value.into_iter().flat_map(|it| it.split_whitespace())
}

fn read<T: FromStr<Err = Refused>>(state: &State, key: &'static str) -> Result<Vec<T>> {
    let read = words(state, key).map(|word| {
        word.parse().map_err(|source| Error::Annotation {
            key,
            value: word.to_owned(),
            source,
        })
    });
    read.collect()
}
