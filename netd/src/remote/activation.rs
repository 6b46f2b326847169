//! The handshake: what a plugin implements, asked at its first use and after each restart of it.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::sync::atomic::Ordering;

use serde::Deserialize;

use super::discovery::{self, Address};
use super::{Kind, PluginError, Plugins, Result};

/// A plugin that was activated.
#[derive(Clone)]
pub(super) struct Active {
    address: Address,
    socket: Socket,
    implements: Vec<String>,
}

/// What tells a plugin's socket from the one that it has after a restart; nothing where it is no socket of this host.
#[derive(Clone, PartialEq, Eq)]
struct Socket(Option<(u64, u64, i64, i64)>);

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Activated {
    #[serde(default)]
    implements: Option<Vec<String>>,
}

impl Active {
    pub(super) fn is(&self, kind: Kind) -> bool {
        self.implements.iter().any(|it| it == kind.service())
    }
}

impl Plugins {
    /// Where an active plugin is that implements what it is to.
    pub(super) fn activated(&self, plugin: &str, kind: Kind) -> Result<Address> {
        if !self.open.load(Ordering::Acquire) {
            return Err(PluginError::Stopping {
                plugin: plugin.to_owned(),
            });
        }
        let address = discovery::find(&self.settings, plugin)?;
        let socket = Socket::of(&address);
        let known = self.active().get(plugin).cloned();
        let known = known.filter(|it| it.address == address && it.socket == socket);
        let active = match known {
            Some(active) => active,
            None => {
                let call = "Plugin.Activate";
                let answer = self.send(plugin, &address, call, None)?;
                let activated: Activated = answer.read(plugin, call)?;
                let active = Active {
                    address,
                    socket,
                    implements: activated.implements.unwrap_or_default(),
                };
                self.active().insert(plugin.to_owned(), active.clone());
                active
            }
        };
        match active.is(kind) {
            true => Ok(active.address),
            false => Err(PluginError::NotImplemented {
                plugin: plugin.to_owned(),
                service: kind.service(),
            }),
        }
    }
}

impl Socket {
    fn of(address: &Address) -> Self {
        let file = match address {
            Address::Unix(path) => fs::metadata(path).ok(),
            Address::Tcp(_) | Address::Tls(_) => None,
        };
        Self(file.map(|it| (it.dev(), it.ino(), it.ctime(), it.ctime_nsec())))
    }
}
