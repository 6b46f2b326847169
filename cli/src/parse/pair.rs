//! `KEY=VALUE`, the form of options, labels and filters.

use std::collections::HashMap;
use std::str::FromStr;

use super::Refused;

/// One `KEY=VALUE`; the value may be missing, then it is empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Pair {
    key: String,
    value: String,
}

impl FromStr for Pair {
    type Err = Refused;

    fn from_str(text: &str) -> Result<Self, Refused> {
        let (key, value) = text.split_once('=').unwrap_or((text, ""));
        if key.is_empty() {
            return Err(Refused::new("no key: write KEY=VALUE"));
        }
        Ok(Self {
            key: key.to_owned(),
            value: value.to_owned(),
        })
    }
}

/// A map of `pairs`; the last of one key wins.
pub(crate) fn map(pairs: &[Pair]) -> HashMap<String, String> {
    pairs
        .iter()
        .map(|pair| (pair.key.clone(), pair.value.clone()))
        .collect()
}

/// One `--filter KEY=VALUE`; here the value is a must.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Filter(Pair);

impl FromStr for Filter {
    type Err = Refused;

    fn from_str(text: &str) -> Result<Self, Refused> {
        if !text.contains('=') {
            return Err(Refused::new("write a filter as KEY=VALUE"));
        }
        text.parse().map(Self)
    }
}

/// `filters` as the API wants them: all values of one key together.
pub(crate) fn filters(filters: &[Filter]) -> HashMap<String, Vec<String>> {
    let mut map: HashMap<_, Vec<_>> = HashMap::new();
    for Filter(pair) in filters {
        map.entry(pair.key.clone())
            .or_default()
            .push(pair.value.clone());
    }
    map
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_may_hold_equal_signs_or_be_missing() {
        let pairs = ["a=b=c", "flag", "a=last"].map(|text| text.parse().unwrap());
        assert_eq!(map(&pairs[..2])["a"], "b=c");
        assert_eq!(map(&pairs)["flag"], "");
        assert_eq!(map(&pairs)["a"], "last");
        assert!("=value".parse::<Pair>().is_err());
    }

    #[test]
    fn filters_of_one_key_stand_together() {
        let given = ["label=a=1", "label=b", "name=x"].map(|text| text.parse().unwrap());
        assert_eq!(filters(&given)["label"], ["a=1", "b"]);
        assert!("running".parse::<Filter>().is_err());
    }
}
