//! The values of options, read.

use std::ops::RangeInclusive;
use std::str::FromStr;

use crate::DriverError;

/// A value of a type that reads itself.
pub(super) fn parse<T: FromStr>(
    label: &str,
    value: &str,
    expected: &'static str,
) -> Result<T, DriverError> {
    value.parse().map_err(|_| invalid(label, value, expected))
}

/// A number that is one of these.
pub(super) fn within(
    label: &str,
    value: &str,
    range: RangeInclusive<u64>,
    expected: &'static str,
) -> Result<u64, DriverError> {
    match parse(label, value, expected)? {
        number if range.contains(&number) => Ok(number),
        _ => Err(invalid(label, value, expected)),
    }
}

/// The spellings of Go's `strconv.ParseBool`, which Docker's clients rely on.
pub(super) fn boolean(label: &str, value: &str) -> Result<bool, DriverError> {
    match value {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Ok(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Ok(false),
        _ => Err(invalid(label, value, "true or false")),
    }
}

/// Says which value of which option is wrong, and what was expected.
pub(super) fn invalid(label: &str, value: &str, expected: &'static str) -> DriverError {
    DriverError::InvalidOption {
        label: label.to_owned(),
        value: value.to_owned(),
        expected,
    }
}
