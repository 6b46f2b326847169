//! Times and sizes as people say them.

use jiff::Timestamp;
use jiff::tz::TimeZone;

/// The characters of an id that are shown.
const SHORT: usize = 12;

/// How long ago `then` was: `2 minutes ago`.
pub(crate) fn ago(then: Timestamp, now: Timestamp) -> String {
    format!("{} ago", duration(now.duration_since(then).as_secs()))
}

/// A length of time in its largest unit, as Docker rounds it.
pub(crate) fn duration(seconds: i64) -> String {
    let (minutes, hours) = (seconds / 60, (seconds + 1800) / 3600);
    match (seconds, minutes, hours) {
        (..1, ..) => "Less than a second".into(),
        (1, ..) => "1 second".into(),
        (..60, ..) => format!("{seconds} seconds"),
        (_, 1, _) => "About a minute".into(),
        (_, ..60, _) => format!("{minutes} minutes"),
        (.., 1) => "About an hour".into(),
        (.., ..48) => format!("{hours} hours"),
        (.., ..336) => format!("{} days", hours / 24),
        (.., ..1440) => format!("{} weeks", hours / 24 / 7),
        (.., ..17520) => format!("{} months", hours / 24 / 30),
        _ => format!("{} years", hours / 24 / 365),
    }
}

/// A moment in this machine's time zone: `2026-11-21 12:00:00 +0000 UTC`.
pub(crate) fn local(then: Timestamp) -> String {
    then.to_zoned(TimeZone::system())
        .strftime("%Y-%m-%d %H:%M:%S %z %Z")
        .to_string()
}

/// An amount of bytes in powers of 1000: `1.97MB`.
pub(crate) fn size(bytes: i64) -> String {
    let mut amount = bytes as f64;
    for unit in ["B", "kB", "MB", "GB", "TB"] {
        if amount < 1000.0 {
            let digits = match amount {
                _ if unit == "B" => 0,
                ..10.0 => 2,
                ..100.0 => 1,
                _ => 0,
            };
            return format!("{amount:.digits$}{unit}");
        }
        amount /= 1000.0;
    }
    format!("{amount:.1}PB")
}

/// An amount of bytes in powers of 1024, with four digits at most: `1.5MiB`.
pub(crate) fn binary_size(bytes: u64) -> String {
    let mut amount = bytes as f64;
    for unit in ["B", "KiB", "MiB", "GiB", "TiB"] {
        if amount < 1024.0 {
            let digits = match amount {
                ..10.0 => 1000.0,
                ..100.0 => 100.0,
                ..1000.0 => 10.0,
                _ => 1.0,
            };
            return format!("{}{unit}", (amount * digits).round() / digits);
        }
        amount /= 1024.0;
    }
    format!("{amount:.1}PiB")
}

/// The first twelve digits of an id, without the name of its hash.
pub(crate) fn short(id: &str) -> &str {
    let id = id.split_once(':').map_or(id, |(_, id)| id);
    id.get(..SHORT).unwrap_or(id)
}

/// `text` cut to `width` characters, the last of which then is an ellipsis.
pub(crate) fn cut(text: &str, width: usize) -> String {
    if text.chars().count() <= width {
        return text.to_owned();
    }
    text.chars().take(width - 1).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_said_in_their_largest_unit() {
        const HOUR: i64 = 3600;
        for (seconds, said) in [
            (0, "Less than a second"),
            (1, "1 second"),
            (59, "59 seconds"),
            (61, "About a minute"),
            (150, "2 minutes"),
            (HOUR, "About an hour"),
            (47 * HOUR, "47 hours"),
            (50 * HOUR, "2 days"),
            (15 * 24 * HOUR, "2 weeks"),
            (90 * 24 * HOUR, "3 months"),
            (800 * 24 * HOUR, "2 years"),
        ] {
            assert_eq!(duration(seconds), said);
        }
    }

    #[test]
    fn sizes_have_three_digits() {
        for (bytes, said) in [
            (0, "0B"),
            (999, "999B"),
            (1_500, "1.50kB"),
            (1_970_000, "1.97MB"),
            (45_600_000, "45.6MB"),
        ] {
            assert_eq!(size(bytes), said);
        }
    }

    #[test]
    fn ids_are_short_and_long_texts_cut() {
        assert_eq!(short("sha256:0123456789abcdef"), "0123456789ab");
        assert_eq!(short("0123"), "0123");
        assert_eq!(cut("sleep infinity", 6), "sleep…");
        assert_eq!(cut("sleep", 5), "sleep");
    }
}
