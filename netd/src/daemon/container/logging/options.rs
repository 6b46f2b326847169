//! The options of a log: how much is kept, and what is noted with each record.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Display;

use regex_lite::Regex;

use crate::container::Container;
use crate::error::{Error, Result};

type Options = HashMap<String, String>;

/// What every driver that keeps a log takes.
const OPTIONS: [&str; 10] = [
    "max-size",
    "max-file",
    "compress",
    "tag",
    "labels",
    "labels-regex",
    "env",
    "env-regex",
    "mode",
    "max-buffer-size",
];

/// How much is kept.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Kept {
    /// In bytes.
    pub(super) max_size: Option<u64>,
    pub(super) max_files: u32,
    pub(super) compress: bool,
}

/// Refuses drivers and options that there are not (moby, daemon/logger/factory.go, jsonfilelog and local).
pub fn check(driver: &str, options: &Options) -> Result<()> {
    let unknown = || {
        options
            .keys()
            .filter(|key| !OPTIONS.contains(&key.as_str()))
    };
    match (driver, unknown().min()) {
        ("none", _) => return Ok(()),
        ("json-file", Some(key)) => {
            return Err(Error::invalid(format!(
                "unknown log opt '{key}' for json-file log driver"
            )));
        }
        ("local", Some(key)) => {
            return Err(Error::invalid(format!(
                "unknown log opt '{key}' for log driver local"
            )));
        }
        ("json-file" | "local", None) => {}
        _ => {
            return Err(Error::invalid(format!(
                "logger: no log driver named '{driver}' is registered"
            )));
        }
    }
    let mode = options.get("mode").map_or("", String::as_str);
    // a file takes what is written to it at once: neither has to be chosen between
    if !matches!(mode, "" | "blocking" | "non-blocking") {
        return Err(Error::invalid(format!(
            "logger: logging mode not supported: {mode}"
        )));
    }
    if options.contains_key("max-buffer-size") && mode != "non-blocking" {
        return Err(Error::invalid(
            "logger: max-buffer-size option is only supported with 'mode=non-blocking'",
        ));
    }
    Kept::of(driver, options)?;
    for option in ["labels-regex", "env-regex"] {
        pattern(options, option)?;
    }
    let known = |field: &str| Some(field.to_owned()).filter(|it| FIELDS.contains(&it.as_str()));
    tag(options, known).map(drop)
}

impl Kept {
    /// What the options say, and where they say nothing the driver's own.
    pub(super) fn of(driver: &str, options: &Options) -> Result<Self> {
        let local = driver == "local";
        let failed = |option: &'static str, text: &str, why: String| {
            Error::Invalid(match local {
                true => format!("invalid value for {option}: {text}: {why}"),
                false => why,
            })
        };
        let go = |function: &str, text: &str| {
            format!("strconv.{function}: parsing {text:?}: invalid syntax")
        };
        let refuse = |message: &str| Err(Error::invalid(message));
        let mut kept = match local {
            true => Self {
                max_size: Some(20_000_000),
                max_files: 5,
                compress: true,
            },
            false => Self {
                max_size: None,
                max_files: 1,
                compress: false,
            },
        };
        if let Some(text) = options.get("max-size") {
            let size = size(text)
                .ok_or_else(|| failed("max-size", text, format!("invalid size: '{text}'")));
            match size? {
                0 => return refuse("max-size must be a positive number"),
                bytes => kept.max_size = Some(bytes),
            }
        }
        if let Some(text) = options.get("max-file") {
            let number = text.parse::<i64>();
            let number = number.map_err(|_| failed("max-file", text, go("Atoi", text)))?;
            match u32::try_from(number) {
                Ok(files) if files > 0 => kept.max_files = files,
                _ => return refuse("max-file cannot be less than 1"),
            }
        }
        if let Some(text) = options.get("compress") {
            kept.compress = match text.as_str() {
                "1" | "t" | "T" | "true" | "TRUE" | "True" => true,
                "0" | "f" | "F" | "false" | "FALSE" | "False" => false,
                _ => return Err(failed("compress", text, go("ParseBool", text))),
            };
        }
        if kept.compress && local && kept.max_files == 1 {
            return refuse("compression cannot be enabled when max file count is 1");
        }
        if kept.compress && (kept.max_files == 1 || kept.max_size.is_none()) {
            return refuse(
                "compress cannot be true when max-file is less than 2 or max-size is not set",
            );
        }
        Ok(kept)
    }
}

/// A size in bytes as Docker reads it here, by thousands: `10m`, `1.5 kB`.
fn size(text: &str) -> Option<u64> {
    let end = text.rfind(|it: char| it.is_ascii_digit() || it == '.')? + 1;
    let (number, unit) = text.split_at(end);
    let unit = unit.strip_prefix(' ').unwrap_or(unit).to_ascii_lowercase();
    let unit = unit.strip_suffix('b').unwrap_or(&unit);
    let unit = unit.strip_suffix('i').unwrap_or(unit);
    let factor = match unit {
        "" => 1,
        "k" => 1_000,
        "m" => 1_000_000,
        "g" => 1_000_000_000,
        "t" => 1_000_000_000_000_u64,
        _ => return None,
    };
    let number = number.parse::<f64>().ok().filter(|it| *it >= 0.0)?;
    Some((number * factor as f64) as u64)
}

/// What is noted with each record of a container's output (moby, daemon/logger/loginfo.go `ExtraAttributes`).
pub(super) fn attributes(
    container: &Container,
    options: &Options,
) -> Result<BTreeMap<String, String>> {
    let config = &container.config;
    let labels = config.labels.iter().flatten();
    let labels = labels.map(|(key, value)| (key.as_str(), value.as_str()));
    let variables = config.env.iter().flatten();
    let variables = variables.filter_map(|it| it.split_once('='));
    let mut noted = BTreeMap::new();
    noted.extend(chosen(options, "labels", "labels-regex", labels)?);
    noted.extend(chosen(options, "env", "env-regex", variables)?);
    let field = |name: &str| field(container, name);
    noted.extend(tag(options, field)?.map(|tag| ("tag".to_owned(), tag)));
    Ok(noted)
}

fn chosen<'a>(
    options: &Options,
    names: &str,
    matching: &'static str,
    of: impl Iterator<Item = (&'a str, &'a str)>,
) -> Result<Vec<(String, String)>> {
    let names = options.get(names).map_or("", String::as_str);
    let pattern = pattern(options, matching)?;
    let wanted = |key: &str| {
        names.split(',').any(|name| name == key)
            || pattern.as_ref().is_some_and(|it| it.is_match(key))
    };
    let wanted = of.filter(|(key, _)| wanted(key));
    Ok(wanted
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .collect())
}

fn pattern(options: &Options, option: &'static str) -> Result<Option<Regex>> {
    let text = options.get(option).filter(|text| !text.is_empty());
    let invalid = |error: &dyn Display| Error::Invalid(format!("invalid {option}: {error}"));
    text.map(|text| Regex::new(text).map_err(|error| invalid(&error)))
        .transpose()
}

/// What a tag can be made of.
const FIELDS: [&str; 8] = [
    "ID",
    "FullID",
    "Name",
    "ImageID",
    "ImageFullID",
    "ImageName",
    "Command",
    "DaemonName",
];

fn field(container: &Container, name: &str) -> Option<String> {
    let image = container.image_id.strip_prefix("sha256:");
    let image = image.unwrap_or(&container.image_id);
    Some(match name {
        "ID" => container.id.short(),
        "FullID" => container.id.to_string(),
        "Name" => container.name.clone(),
        "ImageID" => image.chars().take(12).collect(),
        "ImageFullID" => container.image_id.clone(),
        "ImageName" => container.config.image.clone().unwrap_or_default(),
        "Command" => {
            let entrypoint = container.config.entrypoint.iter();
            let words = entrypoint.chain(&container.config.cmd).flatten();
            words.cloned().collect::<Vec<_>>().join(" ")
        }
        "DaemonName" => "rnet".to_owned(),
        _ => return None,
    })
}

/// The tag, with what stands for its fields; none where none is asked for.
fn tag(options: &Options, field: impl Fn(&str) -> Option<String>) -> Result<Option<String>> {
    let Some(template) = options.get("tag").filter(|text| !text.is_empty()) else {
        return Ok(None);
    };
    let invalid = || {
        Error::invalid(format!(
            "invalid log tag {template:?}: {{{{.FIELD}}}} is expected, with a field of {}",
            FIELDS.join(", ")
        ))
    };
    let (mut tag, mut rest) = (String::new(), template.as_str());
    while let Some((before, after)) = rest.split_once("{{") {
        let (name, after) = after.split_once("}}").ok_or_else(invalid)?;
        let name = name.trim().strip_prefix('.').ok_or_else(invalid)?;
        tag.push_str(before);
        tag.push_str(&field(name).ok_or_else(invalid)?);
        rest = after;
    }
    tag.push_str(rest);
    Ok(Some(tag))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(driver: &str, options: &str) -> String {
        let options = serde_json::from_str(options).unwrap();
        let refusal = check(driver, &options).err();
        refusal.map(|error| error.to_string()).unwrap_or_default()
    }

    #[test]
    fn options_that_cannot_be_are_refused_in_dockers_words() {
        for (driver, options, why) in [
            (
                "journald",
                "{}",
                "logger: no log driver named 'journald' is registered",
            ),
            (
                "json-file",
                r#"{"a":"b"}"#,
                "unknown log opt 'a' for json-file log driver",
            ),
            (
                "local",
                r#"{"a":"b"}"#,
                "unknown log opt 'a' for log driver local",
            ),
            ("json-file", r#"{"max-size":"big"}"#, "invalid size: 'big'"),
            (
                "json-file",
                r#"{"max-size":"0"}"#,
                "max-size must be a positive number",
            ),
            (
                "json-file",
                r#"{"max-file":"0"}"#,
                "max-file cannot be less than 1",
            ),
            (
                "local",
                r#"{"max-file":"x"}"#,
                r#"invalid value for max-file: x: strconv.Atoi: parsing "x": invalid syntax"#,
            ),
            (
                "local",
                r#"{"max-file":"1"}"#,
                "compression cannot be enabled when max file count is 1",
            ),
            (
                "json-file",
                r#"{"compress":"true","max-size":"1m"}"#,
                "compress cannot be true when max-file is less than 2 or max-size is not set",
            ),
            (
                "json-file",
                r#"{"mode":"fast"}"#,
                "logger: logging mode not supported: fast",
            ),
            (
                "json-file",
                r#"{"max-buffer-size":"1m"}"#,
                "logger: max-buffer-size option is only supported with 'mode=non-blocking'",
            ),
        ] {
            assert_eq!(refused(driver, options), why, "{driver} {options}");
        }
        assert!(refused("local", r#"{"tag":"{{.Nmae}}"}"#).starts_with("invalid log tag"));
        let fine = r#"{"max-size":"10m","max-file":"3","compress":"true","tag":"{{ .Name }}/{{.ID}}","labels":"a","env":"B"}"#;
        assert_eq!(refused("json-file", fine), "");
        assert_eq!(refused("none", r#"{"a":"b"}"#), "");
    }

    #[test]
    fn a_size_counts_by_thousands() {
        for (text, bytes) in [
            ("10m", 10_000_000),
            ("1.5 kB", 1_500),
            ("7", 7),
            ("2GiB", 2_000_000_000),
        ] {
            assert_eq!(size(text), Some(bytes), "{text}");
        }
        for text in ["", "m", "-1", "1x"] {
            assert_eq!(size(text), None, "{text}");
        }
    }

    #[test]
    fn what_is_noted_is_chosen_by_name_or_pattern() {
        let options = |text| serde_json::from_str::<Options>(text).unwrap();
        let of = || [("a", "1"), ("b", "2"), ("bb", "3")].into_iter();
        let by_name = chosen(
            &options(r#"{"labels":"a,b"}"#),
            "labels",
            "labels-regex",
            of(),
        );
        assert_eq!(by_name.unwrap().len(), 2);
        let by_pattern = chosen(
            &options(r#"{"labels-regex":"^b+$"}"#),
            "labels",
            "labels-regex",
            of(),
        );
        assert_eq!(by_pattern.unwrap().len(), 2);
    }
}
