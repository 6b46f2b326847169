//! The terminal `rnet` runs in: raw while a container has it, and its size.

use std::io::{Stdin, stdin, stdout};

use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcgetwinsize, tcsetattr};

use crate::error::{Error, Result};

/// Standard input in another mode; dropped, it is as it was before.
pub(crate) struct Raw {
    stdin: Stdin,
    before: Termios,
}

impl Raw {
    /// Hands every key to the container: no echo, no lines, no signals from keys (termios(3), cfmakeraw).
    ///
    /// # Errors
    ///
    /// When standard input is no terminal.
    pub(crate) fn enter() -> Result<Self> {
        Self::set(OptionalActions::Now, Termios::make_raw)
    }

    /// Shows no keys: for passwords.
    ///
    /// # Errors
    ///
    /// When standard input is no terminal.
    pub(crate) fn silent() -> Result<Self> {
        let silent = |modes: &mut Termios| modes.local_modes.remove(LocalModes::ECHO);
        Self::set(OptionalActions::Flush, silent)
    }

    fn set(when: OptionalActions, change: impl FnOnce(&mut Termios)) -> Result<Self> {
        let stdin = stdin();
        let before = tcgetattr(&stdin).map_err(|error| Error::Terminal(error.into()))?;
        let mut modes = before.clone();
        change(&mut modes);
        tcsetattr(&stdin, when, &modes).map_err(|error| Error::Terminal(error.into()))?;
        Ok(Self { stdin, before })
    }
}

impl Drop for Raw {
    fn drop(&mut self) {
        // A terminal that is gone needs no restoring.
        let _ = tcsetattr(&self.stdin, OptionalActions::Now, &self.before);
    }
}

/// The rows and columns of the terminal that standard output is, if it is one.
pub(crate) fn size() -> Option<(u16, u16)> {
    let size = tcgetwinsize(stdout()).ok()?;
    (size.ws_row > 0 && size.ws_col > 0).then_some((size.ws_row, size.ws_col))
}
