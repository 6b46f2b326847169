//! Bringing a daemon up over what the last one left.

use std::fs;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use rnet_runtime_glue::Runtime;
use rnet_runtime_glue::image::ImageStore;
use tokio::runtime::Handle;

use super::announce::Announcers;
use super::resolve::{HostSockets, Names};
use super::{Daemon, Hands, Settings, exec, hold, ports, streams};
use crate::error::{Error, Result, chain};
use crate::event::Events;
use crate::remote::Plugins;
use crate::store::Store;

impl Daemon {
    /// A daemon over this store and these hands, with machine and records in agreement.
    ///
    /// Its tasks run on `tasks`, a runtime the caller keeps.
    pub fn open(
        settings: Settings,
        hands: Hands,
        store: Arc<dyn Store>,
        shim: PathBuf,
        tasks: Handle,
    ) -> Result<Arc<Self>> {
        let state = store.load()?;
        let images = ImageStore::open(&settings.state_dir.join("images"))?;
        let running = settings.run_dir.join("containers");
        for path in [
            settings.state_dir.join("containers"),
            settings.state_dir.join("volumes"),
            running.clone(),
        ] {
            fs::create_dir_all(&path).map_err(|source| Error::File { path, source })?;
        }
        let runtime = Runtime::new(running, shim, settings.cgroup_parent.clone());
        let sockets = Arc::new(HostSockets(Arc::clone(&hands.host)));
        let ports = ports::Ports::new(&tasks)?;
        let daemon = Arc::new(Self {
            announcers: Announcers::new(Arc::clone(&hands.host), tasks.clone()),
            resolver: Names::new(tasks.clone(), sockets),
            plugins: Plugins::new(settings.plugins.clone(), tasks.clone()),
            owing: Default::default(),
            settings,
            hands,
            store,
            state: Mutex::new(state),
            networks: Mutex::default(),
            volumes: Mutex::default(),
            conflicting: Mutex::default(),
            reached: Mutex::default(),
            protecting: Mutex::default(),
            naming: Mutex::default(),
            lives: hold::Holds::default(),
            ports,
            healths: Default::default(),
            execs: exec::Execs::default(),
            waiters: streams::Waiters::default(),
            images,
            layers: Default::default(),
            runtime,
            events: Events::default(),
            tasks,
        });
        // from before the first rule is written, so that none is flushed unheard
        if let Err(error) = daemon.watch_firewall() {
            tracing::error!("{}", chain(&error));
        }
        if let Err(error) = daemon.watch_egress() {
            tracing::error!("{}", chain(&error));
        }
        let report = daemon.reconcile()?;
        daemon.follow_egress();
        tracing::info!(?report, "reconciled");
        if let Err(error) = daemon.watch_addresses() {
            tracing::error!("{}", chain(&error));
        }
        if let Err(error) = daemon.watch_routes() {
            tracing::error!("{}", chain(&error));
        }
        Ok(daemon)
    }
}
