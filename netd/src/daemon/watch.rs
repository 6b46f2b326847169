//! What others change under rnet's hands is put right, or followed, at once.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use rnet_kernel::{KernelError, Watch};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

use super::Daemon;
use crate::error::{Result, chain};
use crate::fd;

impl Daemon {
    /// Restores the firewall whenever others change it, as long as the daemon's tasks run.
    ///
    /// Some firewalls do not tell: there, what is flushed stays away until the next change of the policy.
    pub(super) fn watch_firewall(self: &Arc<Self>) -> Result<()> {
        let Some(watch) = self.hands.firewall.watch()? else {
            tracing::info!("this firewall does not tell when others flush its rules");
            return Ok(());
        };
        self.on_change(watch, Self::restore_firewall)
            .map_err(|source| KernelError::WatchNetfilter { source })?;
        Ok(())
    }

    /// Lets the MTU of networks follow the host's way out, as long as the daemon's tasks run.
    pub(super) fn watch_egress(self: &Arc<Self>) -> Result<()> {
        if let Some(watch) = self.hands.host.watch_egress()? {
            self.on_change(watch, Self::follow_egress)
                .map_err(|source| KernelError::WatchEgress { source })?;
        }
        Ok(())
    }

    fn on_change(self: &Arc<Self>, mut watch: Box<dyn Watch>, react: fn(&Self)) -> io::Result<()> {
        self.listen(watch.as_fd().try_clone_to_owned()?, move |daemon| {
            if watch.changed()? {
                react(daemon);
            }
            Ok(())
        })
    }

    /// Lets `hear` take what there is whenever `bell` is readable, as long as the daemon's tasks run or until it fails.
    ///
    /// It may block.
    pub(super) fn listen(
        self: &Arc<Self>,
        bell: OwnedFd,
        hear: impl FnMut(&Self) -> Result<()> + Send + 'static,
    ) -> io::Result<()> {
        let _context = self.tasks.enter();
        let bell = fd::watched(bell, Interest::READABLE)?;
        let hear = Arc::new(Mutex::new(hear));
        self.tasks.spawn(whenever(bell, Arc::downgrade(self), hear));
        Ok(())
    }

    fn restore_firewall(&self) {
        tracing::warn!("somebody else changed rnet's rules: writing them again");
        if let Err(error) = self.protect_anew() {
            tracing::error!("rnet's rules are not restored: {}", chain(&error));
        }
    }

    /// Writes the whole firewall, whatever is remembered of it.
    fn protect_anew(&self) -> Result<()> {
        let _in_order = self
            .protecting
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let policy = self.read(|state| state.policy().clone());
        Ok(self.hands.firewall.restore(&policy)?)
    }
}

/// Ends with the daemon, or when there is nothing to hear any more.
async fn whenever(
    bell: AsyncFd<OwnedFd>,
    daemon: Weak<Daemon>,
    hear: Arc<Mutex<impl FnMut(&Daemon) -> Result<()> + Send + 'static>>,
) {
    while let Ok(mut ready) = bell.readable().await {
        // before looking, so that what comes meanwhile rings again
        ready.clear_ready();
        let Some(daemon) = daemon.upgrade() else {
            return;
        };
        let hear = Arc::clone(&hear);
        let heard = tokio::task::spawn_blocking(move || {
            let mut hear = hear.lock().unwrap_or_else(PoisonError::into_inner);
            hear(&daemon)
        });
        // a panic has been printed
        if let Ok(Err(error)) = heard.await {
            return tracing::error!("{}", chain(&error));
        }
    }
}
