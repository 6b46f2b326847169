//! Amounts: bytes with a suffix, processors with a fraction.

use std::str::FromStr;

use super::Refused;

/// An amount of memory; suffixes b, k, m, g, t are powers of 1024.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Bytes(pub(crate) i64);

/// An amount of memory and swap, or -1 for as much as there is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SwapBytes(pub(crate) i64);

/// Processors in units of 10⁻⁹, as the API counts them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NanoCpus(pub(crate) i64);

impl FromStr for Bytes {
    type Err = Refused;

    fn from_str(text: &str) -> Result<Self, Refused> {
        let refuse = || Refused::new("write an amount of memory such as 64m, 1.5g or 1048576");
        let lower = text.to_ascii_lowercase();
        let digits = lower.trim_end_matches("ib").trim_end_matches('b');
        let (number, power) = match digits.char_indices().last() {
            Some((at, 'k')) => (&digits[..at], 1),
            Some((at, 'm')) => (&digits[..at], 2),
            Some((at, 'g')) => (&digits[..at], 3),
            Some((at, 't')) => (&digits[..at], 4),
            _ => (digits, 0),
        };
        let number: f64 = number.parse().map_err(|_| refuse())?;
        let bytes = number * 1024_f64.powi(power);
        if !(0.0..i64::MAX as f64).contains(&bytes) {
            return Err(refuse());
        }
        Ok(Self(bytes as i64))
    }
}

impl FromStr for SwapBytes {
    type Err = Refused;

    fn from_str(text: &str) -> Result<Self, Refused> {
        match text {
            "-1" => Ok(Self(-1)),
            _ => text.parse().map(|Bytes(bytes)| Self(bytes)),
        }
    }
}

impl FromStr for NanoCpus {
    type Err = Refused;

    fn from_str(text: &str) -> Result<Self, Refused> {
        let refuse = || Refused::new("write a number of processors such as 2 or 0.5");
        let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
        let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        if text.len() < 1 + usize::from(text.contains('.'))
            || fraction.len() > 9
            || !digits(whole)
            || !digits(fraction)
        {
            return Err(refuse());
        }
        format!("{whole}{fraction:0<9}")
            .parse()
            .map(Self)
            .map_err(|_| refuse())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_counted_in_powers_of_1024() {
        for (text, bytes) in [
            ("1048576", 1 << 20),
            ("64m", 64 << 20),
            ("256MB", 256 << 20),
            ("1.5g", 3 << 29),
            ("10b", 10),
            ("2KiB", 2048),
            ("0", 0),
        ] {
            assert_eq!(text.parse(), Ok(Bytes(bytes)), "{text}");
        }
        for wrong in ["", "m", "-1", "12q", "1e40", "nan", "64 m"] {
            assert!(wrong.parse::<Bytes>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn swap_may_be_without_limit() {
        assert_eq!("-1".parse(), Ok(SwapBytes(-1)));
        assert_eq!("1g".parse(), Ok(SwapBytes(1 << 30)));
        assert!("-2".parse::<SwapBytes>().is_err());
    }

    #[test]
    fn a_fraction_of_a_processor_is_exact() {
        for (text, nanos) in [
            ("1", 1_000_000_000),
            ("1.5", 1_500_000_000),
            ("0.1", 100_000_000),
            (".5", 500_000_000),
        ] {
            assert_eq!(text.parse(), Ok(NanoCpus(nanos)), "{text}");
        }
        for wrong in ["", ".", "-1", "1,5", "1.0000000001", "half", "99999999999"] {
            assert!(wrong.parse::<NanoCpus>().is_err(), "{wrong}");
        }
    }
}
