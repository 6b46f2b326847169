//! Filters of lists, in both spellings: `{"label":{"k=v":true}}` and `{"label":["k=v"]}`.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use regex_lite::Regex;
use serde::Deserialize;

use super::error::Failure;

/// What a list is narrowed to: every kind has to match, by one of its values.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Filters(BTreeMap<String, BTreeSet<String>>);

#[derive(Deserialize)]
#[serde(untagged)]
enum Values {
    Set(HashMap<String, bool>),
    List(Vec<String>),
}

impl Filters {
    /// Reads filters of the kinds that are known; the empty text is none.
    pub(super) fn parse(text: &str, kinds: &[&str]) -> Result<Self, Failure> {
        if text.is_empty() {
            return Ok(Self::default());
        }
        let read: BTreeMap<String, Values> = serde_json::from_str(text)
            .map_err(|error| Failure::invalid(format!("invalid filters {text}: {error}")))?;
        if let Some(unknown) = read.keys().find(|kind| !kinds.contains(&kind.as_str())) {
            return Err(Failure::invalid(format!("invalid filter '{unknown}'")));
        }
        let values = |values| match values {
            Values::Set(set) => set
                .into_iter()
                .filter_map(|(v, on)| on.then_some(v))
                .collect(),
            Values::List(list) => list.into_iter().collect(),
        };
        Ok(Self(
            read.into_iter()
                .map(|(kind, v)| (kind, values(v)))
                .collect(),
        ))
    }

    /// The values of one kind.
    pub(super) fn values(&self, kind: &str) -> impl Iterator<Item = &str> {
        self.0.get(kind).into_iter().flatten().map(String::as_str)
    }

    /// Whether one of the kind's values holds; of no value, anything does.
    pub(super) fn any(&self, kind: &str, holds: impl FnMut(&str) -> bool) -> bool {
        self.values(kind).next().is_none() || self.values(kind).any(holds)
    }

    /// Whether `text` contains one of the kind's values, read as regular expressions.
    pub(super) fn finds(&self, kind: &str, text: &str) -> bool {
        self.any(kind, |pattern| match Regex::new(pattern) {
            Ok(regex) => regex.is_match(text),
            Err(_) => text.contains(pattern),
        })
    }

    /// Whether the labels satisfy every `k` and `k=v` of that kind.
    pub(super) fn labels<'a>(&self, kind: &str, label: impl Fn(&str) -> Option<&'a str>) -> bool {
        self.values(kind)
            .all(|wanted| match wanted.split_once('=') {
                Some((key, value)) => label(key) == Some(value),
                None => label(wanted).is_some(),
            })
    }

    /// Whether none of the labels of a `label!` filter is there; without such a filter, so it is.
    pub(super) fn lacks_labels<'a>(&self, label: impl Fn(&str) -> Option<&'a str>) -> bool {
        self.values("label!").next().is_none() || !self.labels("label!", label)
    }

    /// A switch, which has one value or none.
    pub(super) fn flag(&self, kind: &str) -> Result<Option<bool>, Failure> {
        let values: Vec<&str> = self.values(kind).collect();
        match values[..] {
            [] => Ok(None),
            ["1" | "true" | "True"] => Ok(Some(true)),
            ["0" | "false" | "False"] => Ok(Some(false)),
            _ => Err(Failure::invalid(format!(
                "invalid filter '{kind}={values:?}'"
            ))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KINDS: &[&str] = &["label", "label!", "name", "dangling"];

    fn filters(text: &str) -> Filters {
        Filters::parse(text, KINDS).unwrap()
    }

    #[test]
    fn both_spellings_say_the_same() {
        let set = filters(r#"{"label":{"a=b":true,"c":true,"off":false}}"#);
        assert_eq!(set, filters(r#"{"label":["a=b","c"]}"#));
    }

    #[test]
    fn an_unknown_kind_and_malformed_filters_are_refused() {
        let refusal = |text| Filters::parse(text, KINDS).unwrap_err().to_string();
        assert_eq!(refusal(r#"{"foo":["x"]}"#), "invalid filter 'foo'");
        assert!(refusal("{").starts_with("invalid filters {"));
        assert!(refusal(r#"{"name":"x"}"#).starts_with("invalid filters"));
    }

    #[test]
    fn every_label_must_hold_and_one_name_is_enough() {
        let labels = |key: &str| (key == "a").then_some("b");
        assert!(filters(r#"{"label":["a=b","a"]}"#).labels("label", labels));
        assert!(!filters(r#"{"label":["a=b","c"]}"#).labels("label", labels));
        assert!(!filters(r#"{"label!":["a"]}"#).lacks_labels(labels));
        let names = filters(r#"{"name":["^x$","web"]}"#);
        assert!(names.finds("name", "my-web-1") && !names.finds("name", "xy"));
        assert!(filters(r#"{"name":["a("]}"#).finds("name", "a(b"));
        assert!(filters("").finds("name", "anything"));
    }

    #[test]
    fn a_switch_has_one_value() {
        assert_eq!(
            filters(r#"{"dangling":["true"]}"#)
                .flag("dangling")
                .unwrap(),
            Some(true)
        );
        assert!(
            filters(r#"{"dangling":["true","false"]}"#)
                .flag("dangling")
                .is_err()
        );
        assert!(
            filters(r#"{"dangling":["perhaps"]}"#)
                .flag("dangling")
                .is_err()
        );
    }
}
