//! When a container starts again (`--restart`), and how long things take (`--health-interval 1m30s`).

use std::str::FromStr;

use super::Refused;

/// When a container starts again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Restart {
    No,
    Always,
    UnlessStopped,
    /// At most so often; 0 for any number of times.
    OnFailure(i64),
}

/// A time in nanoseconds, as the API counts it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Duration(pub(crate) i64);

impl FromStr for Restart {
    type Err = Refused;

    fn from_str(text: &str) -> Result<Self, Refused> {
        let refuse = || Refused::new("write no, always, unless-stopped or on-failure[:TIMES]");
        match text.split_once(':') {
            None if text == "no" => Ok(Self::No),
            None if text == "always" => Ok(Self::Always),
            None if text == "unless-stopped" => Ok(Self::UnlessStopped),
            None if text == "on-failure" => Ok(Self::OnFailure(0)),
            Some(("on-failure", times)) => {
                let times = times.parse::<u32>().map_err(|_| refuse())?;
                Ok(Self::OnFailure(times.into()))
            }
            _ => Err(refuse()),
        }
    }
}

impl FromStr for Duration {
    type Err = Refused;

    fn from_str(text: &str) -> Result<Self, Refused> {
        let refuse = || Refused::new("write a time such as 500ms, 30s or 1m30s");
        let mut rest = text;
        let mut nanos = 0.0;
        while !rest.is_empty() {
            let digits = rest
                .find(|c: char| c.is_ascii_alphabetic())
                .ok_or_else(refuse)?;
            let (number, after) = rest.split_at(digits);
            let letters = after.find(|c: char| !c.is_ascii_alphabetic());
            let (unit, next) = after.split_at(letters.unwrap_or(after.len()));
            let number: f64 = number.parse().map_err(|_| refuse())?;
            nanos += number
                * match unit {
                    "ns" => 1.0,
                    "us" => 1e3,
                    "ms" => 1e6,
                    "s" => 1e9,
                    "m" => 60e9,
                    "h" => 3600e9,
                    _ => return Err(refuse()),
                };
            rest = next;
        }
        let valid = !text.is_empty() && (0.0..i64::MAX as f64).contains(&nanos);
        valid.then_some(Self(nanos as i64)).ok_or_else(refuse)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_policy_may_have_a_number_of_times_after_failures_only() {
        assert_eq!("on-failure:3".parse(), Ok(Restart::OnFailure(3)));
        assert_eq!("unless-stopped".parse(), Ok(Restart::UnlessStopped));
        for text in ["", "always:3", "on-failure:", "on-failure:-1", "sometimes"] {
            assert!(text.parse::<Restart>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_time_is_a_sum_of_numbers_with_units() {
        assert_eq!("1m30s".parse(), Ok(Duration(90_000_000_000)));
        assert_eq!("0.5s".parse(), Ok(Duration(500_000_000)));
        for text in ["", "5", "s", "5x", "-1s"] {
            assert!(text.parse::<Duration>().is_err(), "{text}");
        }
    }
}
