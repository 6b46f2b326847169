//! Standard output, whose reader may go away at any time.

use std::fmt::Display;
use std::io::{Write, stderr, stdout};

use serde::Serialize;
use serde_json::Value;
use serde_json::ser::{PrettyFormatter, Serializer};

use crate::error::{Error, Result};

/// Prints one line.
pub(crate) fn line(text: impl Display) -> Result<()> {
    writeln!(stdout(), "{text}").map_err(Error::Output)
}

/// Prints text as it is.
pub(crate) fn text(text: impl Display) -> Result<()> {
    write!(stdout(), "{text}").map_err(Error::Output)
}

/// Prints what the daemon wants to be known, next to the output.
pub(crate) fn warning(text: &str) {
    // Where standard error is gone, nobody wants to know.
    let _ = writeln!(stderr(), "rnet: warning: {text}");
}

/// Prints what people want to know, next to the output.
pub(crate) fn remark(text: &str) {
    // Where standard error is gone, nobody wants to know.
    let _ = writeln!(stderr(), "{text}");
}

/// Prints `value` as indented JSON.
pub(crate) fn json(value: &Value) -> Result<()> {
    let mut text = Vec::new();
    let mut pretty = Serializer::with_formatter(&mut text, PrettyFormatter::with_indent(b"    "));
    value
        .serialize(&mut pretty)
        .map_err(|error| Error::Output(error.into()))?;
    text.push(b'\n');
    stdout().write_all(&text).map_err(Error::Output)
}
