//! Where errors and warnings go: the standard error, and the file that a caller reads them from.

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::sync::OnceLock;

use jiff::Timestamp;
use serde_json::json;

use super::args::LogFormat;

static LOG: OnceLock<(File, LogFormat)> = OnceLock::new();

/// Opens the file; one that cannot be opened is told of, and done without.
pub(super) fn open(path: Option<&Path>, format: LogFormat) {
    let Some(path) = path else {
        return;
    };
    match File::options().append(true).create(true).open(path) {
        Ok(file) => drop(LOG.set((file, format))),
        Err(error) => warn(&format!("cannot open the log {}: {error}", path.display())),
    }
}

/// What made the command fail.
pub(super) fn error(message: &str) {
    write("error", message);
    let _ = writeln!(std::io::stderr(), "rnet oci: {message}");
}

/// What the command could do without.
pub(super) fn warn(message: &str) {
    if LOG.get().is_some() {
        write("warning", message);
    } else {
        let _ = writeln!(std::io::stderr(), "rnet oci: warning: {message}");
    }
}

fn write(level: &str, message: &str) {
    let Some((mut file, format)) = LOG.get().map(|(file, format)| (file, format)) else {
        return;
    };
    let time = Timestamp::now();
    // a log on a full disk must not hide the error itself
    let _ = match format {
        LogFormat::Json => {
            let line = json!({"level": level, "msg": message, "time": time});
            writeln!(file, "{line}")
        }
        LogFormat::Text => writeln!(file, "time={time} level={level} msg={message:?}"),
    };
}
