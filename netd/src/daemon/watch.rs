//! What others change under rnet's hands is put right, or followed, at once.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::{Arc, PoisonError, Weak};

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

    fn on_change(self: &Arc<Self>, watch: Box<dyn Watch>, react: fn(&Self)) -> io::Result<()> {
        let _context = self.tasks.enter();
        let descriptor = watch.as_fd().try_clone_to_owned();
        let bell = descriptor.and_then(|it| fd::watched(it, Interest::READABLE))?;
        self.tasks
            .spawn(follow(Arc::downgrade(self), watch, bell, react));
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
async fn follow(
    daemon: Weak<Daemon>,
    mut watch: Box<dyn Watch>,
    bell: AsyncFd<OwnedFd>,
    react: fn(&Daemon),
) {
    while let Ok(mut ready) = bell.readable().await {
        // before looking, so that what comes meanwhile rings again
        ready.clear_ready();
        match (watch.changed(), daemon.upgrade()) {
            (_, None) => return,
            (Ok(false), _) => {}
            (Ok(true), Some(daemon)) => {
                // a panic has been printed
                let _ = tokio::task::spawn_blocking(move || react(&daemon)).await;
            }
            (Err(error), _) => return tracing::error!("{}", chain(&error)),
        }
    }
}
