//! Plugins that others made: found where Docker finds them, and spoken to as libnetwork does.
//!
//! ```text
//! discovery   names to addresses, by sockets and specification files      activation  what a plugin implements
//! transport   one call: one connection, one deadline, one bounded answer  wire        the words of the protocols
//! network, ipam   the calls, with their answers checked                   untell      the reverse of what was told
//! ```
//! Nobody who calls these may hold a lock on the state: a plugin may take as long as its deadline.
//!
//! Source: libnetwork, `docs/remote.md`, `docs/ipam.md`, `drivers/remote/api`, `ipams/remote/api`; moby, `pkg/plugins`.

mod activation;
mod discovery;
mod error;
mod ipam;
mod network;
mod transport;
mod untell;
mod wire;

pub use error::PluginError;
pub(crate) use ipam::{Pool, Purpose};
pub(crate) use network::{Interface, JoinAnswer};
pub(crate) use wire::pool;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError, mpsc};
use std::time::Duration;

use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::runtime::Handle;

use activation::Active;
use discovery::Address;
use transport::Answer;

type Result<T, E = PluginError> = std::result::Result<T, E>;

/// Where plugins are looked for, and how long they are waited for.
#[derive(Clone, Debug, Default)]
pub struct PluginSettings {
    /// The directories, the first first.
    pub directories: Vec<PathBuf>,
    /// The daemon's own socket among them, which is no plugin of its own.
    pub own_socket: Option<PathBuf>,
    /// How long one call may take in all.
    pub deadline: Duration,
}

impl PluginSettings {
    /// Docker's directories, and the deadline of its managed plugins.
    pub fn dockers() -> Self {
        let directories = [
            "/run/docker/plugins",
            "/etc/docker/plugins",
            "/usr/lib/docker/plugins",
        ];
        Self {
            directories: directories.map(PathBuf::from).to_vec(),
            own_socket: None,
            deadline: Duration::from_secs(30),
        }
    }
}

/// What a plugin can be.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// A driver of networks.
    Network,
    /// A driver of addresses.
    Ipam,
}

/// The plugins of this machine.
pub(crate) struct Plugins {
    settings: PluginSettings,
    tasks: Handle,
    /// Those that were activated, by name.
    active: Mutex<BTreeMap<String, Active>>,
    /// Whether they are spoken to yet.
    open: AtomicBool,
}

impl Plugins {
    /// No plugin is looked for, and none is spoken to, before [`Plugins::open`].
    pub(crate) fn new(settings: PluginSettings, tasks: Handle) -> Self {
        Self {
            settings,
            tasks,
            active: Mutex::default(),
            open: AtomicBool::new(false),
        }
    }

    /// From now on plugins are spoken to; until then every call fails at once, so that no start waits for one.
    pub(crate) fn open(&self) {
        self.open.store(true, Ordering::Release);
    }

    /// What there is, by name; nobody is spoken to for this. Those that are known to be something else are left out.
    pub(crate) fn names(&self, kind: Kind) -> Vec<String> {
        let found = discovery::names(&self.settings);
        let active = self.active();
        let is_it = |name: &String| active.get(name).is_none_or(|it| it.is(kind));
        found.into_iter().filter(is_it).collect()
    }

    /// Whether there is such a plugin.
    pub(crate) fn find(&self, plugin: &str, kind: Kind) -> Result<()> {
        self.activated(plugin, kind).map(drop)
    }

    /// One call; what is answered is an object, whose `Err` or `Error` is a refusal.
    fn call<A: DeserializeOwned>(
        &self,
        plugin: &str,
        kind: Kind,
        method: &str,
        body: &Value,
    ) -> Result<A> {
        let address = self.activated(plugin, kind)?;
        let call = format!("{}.{method}", kind.service());
        let answer = self.send(plugin, &address, &call, Some(body))?;
        answer.read(plugin, &call)
    }

    /// Sends a call and waits for its answer; a plugin that gives none is looked for and activated anew next time.
    fn send(
        &self,
        plugin: &str,
        address: &Address,
        call: &str,
        body: Option<&Value>,
    ) -> Result<Answer> {
        let deadline = self.settings.deadline;
        let (address, path) = (address.clone(), call.to_owned());
        let body = body.map_or_else(Vec::new, |body| body.to_string().into_bytes());
        let (teller, told) = mpsc::sync_channel(1);
        // any thread may wait for it, one of the runtime's own as well
        self.tasks.spawn(async move {
            let answer = tokio::time::timeout(deadline, transport::post(&address, &path, body));
            // a caller that is gone wants no answer
            let _ = teller.send(answer.await);
        });
        let (plugin, call) = (plugin.to_owned(), call.to_owned());
        let answer = match told.recv() {
            Ok(Ok(Ok(answer))) => return Ok(answer),
            Ok(Ok(Err(cause))) => PluginError::Unreachable {
                plugin,
                call,
                cause: cause.to_string(),
            },
            Ok(Err(_)) => PluginError::Late {
                plugin,
                call,
                seconds: deadline.as_secs_f32(),
            },
            Err(_) => PluginError::Stopping { plugin },
        };
        self.active().remove(answer.plugin());
        Err(answer)
    }

    fn active(&self) -> MutexGuard<'_, BTreeMap<String, Active>> {
        self.active.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kind {
    /// What the protocol calls it.
    const fn service(self) -> &'static str {
        match self {
            Self::Network => "NetworkDriver",
            Self::Ipam => "IpamDriver",
        }
    }
}
