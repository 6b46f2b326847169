//! Progress of long work: on a terminal a line for each part, written over as it gets on; elsewhere what is new, a line each.

use std::collections::HashMap;
use std::io::{IsTerminal, Write, sink, stderr, stdout};

use serde_json::Value;

use crate::error::{Error, Result};

/// A place where progress is shown.
pub(crate) struct Board<W = Box<dyn Write>> {
    out: W,
    terminal: bool,
    /// The line of each part, counted from the first.
    lines: HashMap<String, usize>,
    count: usize,
}

impl Board {
    /// Standard output.
    pub(crate) fn output() -> Self {
        Self::on(Box::new(stdout()), stdout().is_terminal())
    }

    /// Standard error.
    pub(crate) fn error() -> Self {
        Self::on(Box::new(stderr()), stderr().is_terminal())
    }

    /// Nowhere: only what fails is known.
    pub(crate) fn silent() -> Self {
        Self::on(Box::new(sink()), false)
    }
}

impl<W: Write> Board<W> {
    fn on(out: W, terminal: bool) -> Self {
        Self {
            out,
            terminal,
            lines: HashMap::new(),
            count: 0,
        }
    }

    /// Shows a step, as the API tells it.
    ///
    /// # Errors
    ///
    /// What the step says went wrong; or when nobody reads any more.
    pub(crate) fn show(&mut self, step: &Value) -> Result<()> {
        let failure = step["errorDetail"]["message"]
            .as_str()
            .or(step["error"].as_str());
        if let Some(message) = failure {
            return Err(Error::Daemon {
                status: 200,
                message: message.to_owned(),
            });
        }
        let Some(status) = step["status"].as_str() else {
            return Ok(());
        };
        let bar = step["progress"].as_str().unwrap_or_default();
        self.line(step["id"].as_str(), status, bar)
            .map_err(Error::Output)
    }

    fn line(&mut self, id: Option<&str>, status: &str, bar: &str) -> std::io::Result<()> {
        let Some(id) = id else {
            self.lines.clear();
            self.count = 0;
            return writeln!(self.out, "{status}");
        };
        if !self.terminal {
            // bars are for those who watch
            return match bar {
                "" => writeln!(self.out, "{id}: {status}"),
                _ => Ok(()),
            };
        }
        let space = if bar.is_empty() { "" } else { " " };
        match self.lines.get(id) {
            Some(line) => {
                let up = self.count - line;
                write!(
                    self.out,
                    "\x1b[{up}A\r\x1b[2K{id}: {status}{space}{bar}\x1b[{up}B\r"
                )?;
                self.out.flush()
            }
            None => {
                self.lines.insert(id.to_owned(), self.count);
                self.count += 1;
                writeln!(self.out, "{id}: {status}{space}{bar}")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn shown(terminal: bool, steps: &[Value]) -> String {
        let mut board = Board::on(Vec::new(), terminal);
        steps.iter().for_each(|step| board.show(step).unwrap());
        String::from_utf8(board.out).unwrap()
    }

    #[test]
    fn bars_are_shown_on_terminals_only() {
        let steps = [
            json!({ "id": "1", "status": "Pulling from app" }),
            json!({ "id": "a", "status": "Downloading", "progress": "[=> ]" }),
            json!({ "id": "b", "status": "Downloading", "progress": "[=> ]" }),
            json!({ "id": "a", "status": "Pull complete" }),
            json!({ "status": "Digest: sha256:0" }),
        ];
        let plain = "1: Pulling from app\na: Pull complete\nDigest: sha256:0\n";
        assert_eq!(shown(false, &steps), plain);
        let terminal = shown(true, &steps);
        assert!(
            terminal.contains("b: Downloading [=> ]\n\x1b[2A\r\x1b[2Ka: Pull complete\x1b[2B\r"),
            "{terminal:?}"
        );
    }

    #[test]
    fn a_step_that_failed_is_an_error() {
        let step = json!({ "errorDetail": { "message": "no" }, "error": "no" });
        let error = Board::on(Vec::new(), false).show(&step).unwrap_err();
        assert_eq!(error.to_string(), "no");
    }
}
