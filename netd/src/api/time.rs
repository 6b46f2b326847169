//! Moments as clients write them, and ages as people read them.

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use super::error::Failure;

/// A moment: seconds since 1970 with a fraction or without, RFC 3339 with a zone or in UTC, or how long ago (`10m`).
pub(super) fn moment(text: &str) -> Result<Timestamp, Failure> {
    let ago = |text: &str| {
        let age: SignedDuration = text.parse().ok()?;
        Timestamp::now().checked_sub(age).ok()
    };
    let civil = |text: &str| {
        let time: DateTime = text.parse().ok()?;
        Some(time.to_zoned(TimeZone::UTC).ok()?.timestamp())
    };
    let found = seconds(text)
        .or_else(|| text.parse().ok())
        .or_else(|| civil(text));
    found.or_else(|| ago(text)).ok_or_else(|| {
        Failure::invalid(format!(
            "invalid time {text:?}: seconds since 1970, a date such as 2026-01-31T12:00:00Z, or an age such as 10m \
             is expected"
        ))
    })
}

/// Waits for a moment; for none, for ever.
pub(super) async fn reached(moment: Option<Timestamp>) {
    match moment {
        Some(moment) => {
            let left = moment.duration_since(Timestamp::now());
            // what is past needs no waiting
            tokio::time::sleep(left.try_into().unwrap_or_default()).await;
        }
        None => std::future::pending().await,
    }
}

/// How long something lasts, in one unit (docker/go-units, `HumanDuration`).
pub(super) fn human(duration: SignedDuration) -> String {
    let seconds = duration.as_secs().max(0);
    let (minutes, hours) = (seconds / 60, (seconds + 1800) / 3600);
    match (seconds, minutes, hours) {
        (0, ..) => "Less than a second".to_owned(),
        (1, ..) => "1 second".to_owned(),
        (2..60, ..) => format!("{seconds} seconds"),
        (_, 1, _) => "About a minute".to_owned(),
        (_, ..60, _) => format!("{minutes} minutes"),
        (_, _, ..=1) => "About an hour".to_owned(),
        (_, _, ..48) => format!("{hours} hours"),
        (_, _, ..336) => format!("{} days", hours / 24),
        (_, _, ..1440) => format!("{} weeks", hours / 24 / 7),
        (_, _, ..17520) => format!("{} months", hours / 24 / 30),
        _ => format!("{} years", hours / 24 / 365),
    }
}

fn seconds(text: &str) -> Option<Timestamp> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits = fraction.bytes().all(|byte| byte.is_ascii_digit());
    if !digits || fraction.len() > 9 {
        return None;
    }
    let nanoseconds = format!("{fraction:0<9}").parse().ok()?;
    Timestamp::new(whole.parse().ok()?, nanoseconds).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_written_in_many_ways() {
        let expected: Timestamp = "2023-11-14T22:13:20.5Z".parse().unwrap();
        for text in [
            "1700000000.5",
            "2023-11-14T22:13:20.5Z",
            "2023-11-14T23:13:20.5+01:00",
            "2023-11-14T22:13:20.5",
        ] {
            assert_eq!(moment(text).unwrap(), expected, "{text}");
        }
        assert!(moment("10m").unwrap() < Timestamp::now());
        assert_eq!(moment("0").unwrap(), Timestamp::UNIX_EPOCH);
        assert!(moment("yesterday").is_err() && moment("1.x").is_err());
    }

    #[test]
    fn an_age_is_told_in_one_unit() {
        for (seconds, words) in [
            (0, "Less than a second"),
            (45, "45 seconds"),
            (60, "About a minute"),
            (3599, "59 minutes"),
            (3600, "About an hour"),
            (7200, "2 hours"),
            (3 * 86_400, "3 days"),
        ] {
            assert_eq!(human(SignedDuration::from_secs(seconds)), words);
        }
    }
}
