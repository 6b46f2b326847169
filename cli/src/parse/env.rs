//! The environment of a container: `-e` and `--env-file`.

use std::collections::HashMap;
use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};

/// The variables of `files`, then those of `given`, which win; each `NAME=VALUE`.
///
/// A bare `NAME` takes the value it has here, and is left out where it has none.
///
/// # Errors
///
/// When a file cannot be read, or a line of it is no variable.
pub(crate) fn variables(files: &[PathBuf], given: &[String]) -> Result<Vec<String>> {
    let mut variables = Vec::new();
    for path in files {
        each_line(path, |variable| variables.extend(resolved(variable)))?;
    }
    variables.extend(given.iter().filter_map(|variable| resolved(variable)));
    Ok(variables)
}

/// The labels of files, one `KEY=VALUE` per line; a bare key has an empty value.
///
/// # Errors
///
/// When a file cannot be read, or a line of it is no label.
pub(crate) fn labels(files: &[PathBuf]) -> Result<HashMap<String, String>> {
    let mut labels = HashMap::new();
    for path in files {
        each_line(path, |label| {
            let (key, value) = label.split_once('=').unwrap_or((label, ""));
            labels.insert(key.to_owned(), value.to_owned());
        })?;
    }
    Ok(labels)
}

/// Takes what a file says, line by line; comments and empty lines are passed over.
fn each_line(path: &Path, mut take: impl FnMut(&str)) -> Result<()> {
    let text = fs::read_to_string(path).map_err(|source| Error::Read {
        path: path.to_owned(),
        source,
    })?;
    for (nth, line) in text.lines().enumerate() {
        let said = variable(line).map_err(|reason| Error::EnvFile {
            path: path.to_owned(),
            reason: format!("line {}: {reason}", nth + 1),
        })?;
        if let Some(said) = said {
            take(said);
        }
    }
    Ok(())
}

/// What a line of an environment file sets, if anything.
fn variable(line: &str) -> Result<Option<&str>, String> {
    let line = line.trim_start();
    if line.is_empty() || line.starts_with('#') {
        return Ok(None);
    }
    let name = line.split_once('=').map_or(line, |(name, _)| name);
    if name.is_empty() || name.contains(char::is_whitespace) {
        return Err(format!("{name:?} is not a name of a variable"));
    }
    Ok(Some(line))
}

fn resolved(variable: &str) -> Option<String> {
    if variable.contains('=') {
        return Some(variable.to_owned());
    }
    env::var(variable)
        .ok()
        .map(|value| format!("{variable}={value}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bare_name_takes_the_value_it_has_here() {
        let path = format!("PATH={}", env::var("PATH").unwrap());
        let given = ["PATH", "A=b=c", "EMPTY=", "SURELY_NOT_SET_HERE"].map(str::to_owned);
        assert_eq!(variables(&[], &given).unwrap(), [&path, "A=b=c", "EMPTY="]);
    }

    #[test]
    fn comments_and_blank_lines_set_nothing() {
        assert_eq!(variable("# A=1"), Ok(None));
        assert_eq!(variable("   "), Ok(None));
        assert_eq!(variable("  A=1 # kept"), Ok(Some("A=1 # kept")));
        assert!(variable("two words=1").is_err());
        assert!(variable("=1").is_err());
    }
}
