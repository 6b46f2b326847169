//! Moments of time on the command line: `10m` ago, a date, or seconds since 1970.

use std::fmt;
use std::str::FromStr;

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use super::Refused;

/// A moment, written for the API as `SECONDS.NANOSECONDS` since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Moment(Timestamp);

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}.{:09}",
            self.0.as_second(),
            self.0.subsec_nanosecond()
        )
    }
}

impl FromStr for Moment {
    type Err = Refused;

    fn from_str(text: &str) -> Result<Self, Refused> {
        let ago = |duration: SignedDuration| Timestamp::now().checked_sub(duration).ok();
        let local = |time: DateTime| time.to_zoned(TimeZone::system()).ok();
        let moment = seconds(text)
            .or_else(|| text.parse().ok())
            .or_else(|| {
                text.parse()
                    .ok()
                    .and_then(local)
                    .map(|zoned| zoned.timestamp())
            })
            .or_else(|| text.parse().ok().and_then(ago));
        moment.map(Self).ok_or_else(|| {
            Refused::new("write 10m (ago), 2026-11-21T10:00:00Z, or seconds since 1970")
        })
    }
}

/// `1136073600` or `1136073600.000000001`.
fn seconds(text: &str) -> Option<Timestamp> {
    let (seconds, fraction) = text.split_once('.').unwrap_or((text, "0"));
    if fraction.is_empty()
        || fraction.len() > 9
        || !fraction.bytes().all(|byte| byte.is_ascii_digit())
    {
        return None;
    }
    Timestamp::new(
        seconds.parse().ok()?,
        format!("{fraction:0<9}").parse().ok()?,
    )
    .ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(text: &str) -> String {
        text.parse::<Moment>().unwrap().to_string()
    }

    #[test]
    fn seconds_and_dates_are_exact() {
        assert_eq!(written("1136073600"), "1136073600.000000000");
        assert_eq!(written("1136073600.5"), "1136073600.500000000");
        assert_eq!(written("2006-01-01T00:00:00Z"), "1136073600.000000000");
        assert_eq!(written("2006-01-01T01:00:00+01:00"), "1136073600.000000000");
    }

    #[test]
    fn a_duration_means_that_long_ago() {
        let Moment(moment) = "1h30m".parse().unwrap();
        let ago = Timestamp::now().duration_since(moment).as_secs();
        assert!((5400..5405).contains(&ago), "{ago}");
    }

    #[test]
    fn what_is_no_moment_is_refused() {
        for wrong in ["", "yesterday", "10 apples", "1.", "1.0000000000"] {
            assert!(wrong.parse::<Moment>().is_err(), "{wrong}");
        }
    }
}
