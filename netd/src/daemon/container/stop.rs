//! Stopping, killing and restarting.

use std::sync::Arc;
use std::time::Duration;

use nix::sys::signal::Signal;
use rnet_model::ContainerId;
use rnet_runtime_glue::RuntimeError;

use super::wait::WaitCondition;
use crate::container::Container;
use crate::daemon::Daemon;
use crate::error::{Error, Result};

/// How long a container has between the stop signal and SIGKILL, in seconds, where nothing else is asked for.
const STOP_TIMEOUT: i64 = 10;

impl Daemon {
    /// Sends the stop signal, waits `timeout` seconds (negative: for ever), then sends SIGKILL.
    pub fn stop_container(
        self: &Arc<Self>,
        reference: &str,
        timeout: Option<i64>,
        signal: Option<String>,
    ) -> Result<()> {
        let container = self.find_container(reference)?;
        if self.note_stop(container.id)? {
            self.tell_of_container("stop", &container, []);
            return Ok(());
        }
        if !container.run.is_running() {
            return Err(Error::NotModified(format!(
                "container {reference} does not run"
            )));
        }
        let signal = signal.or_else(|| container.config.stop_signal.clone());
        let signal = signal
            .as_deref()
            .map_or(Ok(Signal::SIGTERM as i32), parse_signal)?;
        let timeout = timeout
            .or(container.config.stop_timeout)
            .unwrap_or(STOP_TIMEOUT);
        self.signal(&container, signal)?;
        let patience = u64::try_from(timeout).ok().map(Duration::from_secs);
        if !self.ends_within(container.id, patience)? {
            self.signal(&container, Signal::SIGKILL as i32)?;
            self.ends_within(container.id, None)?;
        }
        self.tell_of_container("stop", &container, []);
        Ok(())
    }

    /// Stops a container that runs, and starts it.
    pub fn restart_container(
        self: &Arc<Self>,
        reference: &str,
        timeout: Option<i64>,
    ) -> Result<()> {
        match self.stop_container(reference, timeout, None) {
            Ok(()) | Err(Error::NotModified(_)) => self.start_container(reference),
            Err(error) => Err(error),
        }
    }

    /// Sends a signal, by name or number.
    pub fn kill_container(self: &Arc<Self>, reference: &str, signal: &str) -> Result<()> {
        let signal = parse_signal(signal)?;
        let container = self.find_container(reference)?;
        if !container.run.is_running() {
            return Err(Error::Conflict(format!(
                "cannot kill container: {reference}: container {} is not running",
                container.id
            )));
        }
        let own = container
            .config
            .stop_signal
            .as_deref()
            .map(parse_signal)
            .transpose()?;
        if signal == Signal::SIGKILL as i32 || signal == own.unwrap_or(Signal::SIGTERM as i32) {
            self.note_stop(container.id)?;
        }
        self.signal(&container, signal)?;
        self.tell_of_container("kill", &container, [("signal", signal.to_string())]);
        if signal == Signal::SIGKILL as i32 {
            self.ends_within(container.id, Some(Duration::from_secs(10)))?;
        }
        Ok(())
    }

    fn signal(self: &Arc<Self>, container: &Container, signal: i32) -> Result<()> {
        let sent = self.runtime.kill(&container.id, signal);
        if container.run.is_paused() {
            // who is held still can neither heed a signal nor die of it
            self.unpause_container(&container.id.to_string())
                .or_else(|error| match error {
                    Error::Conflict(_) => Ok(()),
                    error => Err(error),
                })?;
        }
        match sent {
            // it ended between the look and the signal
            Err(_) if !self.is_running(container.id) => Ok(()),
            // its first process has, and its end is being written down
            Err(RuntimeError::NotRunning { .. }) => Ok(()),
            sent => Ok(sent?),
        }
    }

    fn is_running(&self, id: ContainerId) -> bool {
        self.read(|state| state.container(id).is_some_and(|it| it.run.is_running()))
    }

    /// Whether a container ends in time; called from blocking threads only.
    pub(super) fn ends_within(
        self: &Arc<Self>,
        id: ContainerId,
        patience: Option<Duration>,
    ) -> Result<bool> {
        let ended = match self.watch_exit(&id.to_string(), WaitCondition::NotRunning) {
            Ok(watch) => watch.exit(),
            // removed as soon as it ended
            Err(Error::NoSuchContainer(_)) => return Ok(true),
            Err(error) => return Err(error),
        };
        Ok(self.tasks.block_on(async {
            match patience {
                Some(patience) => tokio::time::timeout(patience, ended).await.is_ok(),
                None => {
                    ended.await;
                    true
                }
            }
        }))
    }
}

/// A signal by name, with or without `SIG`, or by number.
pub(super) fn parse_signal(text: &str) -> Result<i32> {
    let name = text.to_uppercase();
    let named = if name.starts_with("SIG") {
        name
    } else {
        format!("SIG{name}")
    };
    let by_number = text
        .parse::<i32>()
        .ok()
        .filter(|number| (1..=64).contains(number));
    by_number
        .or_else(|| named.parse::<Signal>().ok().map(|signal| signal as i32))
        .ok_or_else(|| Error::invalid(format!("Invalid signal: {text}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signal_is_named_in_any_of_the_usual_ways() {
        for text in ["SIGTERM", "TERM", "term", "15"] {
            assert_eq!(parse_signal(text).unwrap(), 15, "{text}");
        }
        for text in ["", "0", "65", "SIGNONE", "-9"] {
            assert!(parse_signal(text).is_err(), "{text}");
        }
    }
}
