//! Holding a container still, and letting it go on.

use std::sync::Arc;

use crate::container::Run;
use crate::daemon::Daemon;
use crate::error::{Error, Result};

impl Daemon {
    /// Holds every process of a container still.
    pub fn pause_container(self: &Arc<Self>, reference: &str) -> Result<()> {
        self.set_paused(reference, true)
    }

    /// Lets the processes of a paused container go on.
    pub fn unpause_container(self: &Arc<Self>, reference: &str) -> Result<()> {
        self.set_paused(reference, false)
    }

    fn set_paused(self: &Arc<Self>, reference: &str, wanted: bool) -> Result<()> {
        let id = self.find_container(reference)?.id;
        self.lives.hold(id, || {
            let mut container = self.find_container(&id.to_string())?;
            let refused = |why| Err(Error::Conflict(format!("Container {reference} is {why}")));
            let paused = match &mut container.run {
                Run::Running { paused, .. } => paused,
                _ => return refused("not running"),
            };
            match (*paused, wanted) {
                (true, true) => return refused("already paused"),
                (false, false) => return refused("not paused"),
                (false, true) => self.runtime.pause(&id)?,
                (true, false) => self.runtime.resume(&id)?,
            }
            *paused = wanted;
            self.put_container(container.clone())?;
            let action = if wanted { "pause" } else { "unpause" };
            self.tell_of_container(action, &container, []);
            Ok(())
        })
    }
}
