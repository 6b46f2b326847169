//! How fast an endpoint may receive and send, and what of the kernel holds it to that.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{IfName, Object};

/// What the names of the endpoint options begin with.
const PREFIX: &str = "rnet.";
/// The greatest burst, in bits: the kernel counts its bytes in 32 bits.
const LARGEST_BURST: u64 = (u32::MAX as u64) * 8;
/// The least burst where none is asked for, in bits: a packet that was not cut yet has to fit (64 KiB).
const LEAST_BURST: u64 = 64 * 1024 * 8;

/// A token bucket's size and how fast it fills (tc-tbf(8)).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct RateLimit {
    /// In bits a second.
    pub rate: u64,
    /// In bits.
    pub burst: u64,
}

/// What an endpoint is limited to, seen from its container; none is without limit.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Bandwidth {
    /// What it receives.
    pub ingress: Option<RateLimit>,
    /// What it sends.
    pub egress: Option<RateLimit>,
}

/// A limit of what leaves by a link.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Shaper {
    /// The link.
    pub link: IfName,
    /// How much.
    pub limit: RateLimit,
}

/// A limit of what arrives by a link: it takes the way through another link, which it leaves no faster than that.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Intake {
    /// The link in between, of type ifb.
    pub name: IfName,
    /// The link that packets arrive by.
    pub link: IfName,
    /// How much.
    pub limit: RateLimit,
}

/// An endpoint option that is no limit.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("invalid value {value:?} for option {option}: {expected}")]
pub struct InvalidBandwidth {
    option: String,
    value: String,
    expected: &'static str,
}

impl RateLimit {
    /// How many bytes the bucket holds.
    pub fn burst_bytes(self) -> u32 {
        u32::try_from(self.burst.div_ceil(8)).unwrap_or(u32::MAX)
    }

    /// The rate in bytes a second, 1 at least.
    pub const fn byte_rate(self) -> u64 {
        let bytes = self.rate / 8;
        if bytes == 0 { 1 } else { bytes }
    }

    /// How many bytes may wait: what arrives in 25 ms beside the burst, as CNI's plugin `bandwidth` has it.
    pub fn queue_bytes(self) -> u32 {
        let waiting = self.byte_rate() / 40;
        u32::try_from(waiting)
            .unwrap_or(u32::MAX)
            .saturating_add(self.burst_bytes())
    }
}

impl Bandwidth {
    /// The options, in the order of [`Bandwidth::options`].
    pub const OPTIONS: [&str; 4] = [
        "rnet.ingress_rate",
        "rnet.ingress_burst",
        "rnet.egress_rate",
        "rnet.egress_burst",
    ];

    /// Reads an endpoint's options: numbers of bits, or with k, m or g for thousands, millions and billions of them.
    ///
    /// A rate of 0 is no limit. Without a burst it is what the rate brings in 50 ms, 64 KiB at least.
    pub fn of(options: &BTreeMap<String, String>) -> Result<Self, InvalidBandwidth> {
        let limit = |way: &str| {
            let option = |what: &str| format!("{PREFIX}{way}_{what}");
            let read = |what: &str| {
                let option = option(what);
                let value = options.get(&option).filter(|it| !it.is_empty());
                value.map(|value| bits(&option, value)).transpose()
            };
            let invalid = |expected| InvalidBandwidth {
                value: options.get(&option("burst")).cloned().unwrap_or_default(),
                option: option("burst"),
                expected,
            };
            match (read("rate")?.unwrap_or(0), read("burst")?.unwrap_or(0)) {
                (0, 0) => Ok(None),
                (0, _) => Err(invalid("a burst needs a rate")),
                (_, burst) if burst > LARGEST_BURST => Err(invalid("less than 34g is expected")),
                (rate, 0) => {
                    let burst = (rate / 20).clamp(LEAST_BURST, LARGEST_BURST);
                    Ok(Some(RateLimit { rate, burst }))
                }
                (rate, burst) => Ok(Some(RateLimit { rate, burst })),
            }
        };
        Ok(Self {
            ingress: limit("ingress")?,
            egress: limit("egress")?,
        })
    }

    /// What the host is to have for it: `link` is the host's end of the endpoint's pair, `intake` a free name.
    pub fn objects(self, link: &IfName, intake: IfName) -> Vec<Object> {
        let ingress = self.ingress.map(|limit| {
            Object::Shaper(Shaper {
                link: link.clone(),
                limit,
            })
        });
        let egress = self.egress.map(|limit| {
            Object::Intake(Intake {
                name: intake,
                link: link.clone(),
                limit,
            })
        });
        ingress.into_iter().chain(egress).collect()
    }
}

fn bits(option: &str, value: &str) -> Result<u64, InvalidBandwidth> {
    let lower = value.to_ascii_lowercase();
    let plain = lower.trim_end_matches("bit");
    let (number, factor) = match plain.char_indices().next_back() {
        Some((end, 'k')) => (&plain[..end], 1_000),
        Some((end, 'm')) => (&plain[..end], 1_000_000),
        Some((end, 'g')) => (&plain[..end], 1_000_000_000),
        _ => (plain, 1_u64),
    };
    let read = number.parse::<u64>().ok();
    read.and_then(|it| it.checked_mul(factor))
        .ok_or_else(|| InvalidBandwidth {
            option: option.to_owned(),
            value: value.to_owned(),
            expected: "bits are expected, such as 10m or 512k",
        })
}

impl fmt::Display for RateLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "tbf rate {}bit burst {}", self.rate, self.burst_bytes())
    }
}

impl fmt::Display for Shaper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "qdisc replace dev {} root {}", self.link, self.limit)
    }
}

impl fmt::Display for Intake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, link, limit } = self;
        write!(
            f,
            "link add {name} up type ifb && qdisc replace dev {name} root {limit} && \
             filter replace dev {link} ingress action mirred egress redirect dev {name}"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(options: &[(&str, &str)]) -> Result<Bandwidth, String> {
        let options = options
            .iter()
            .map(|(key, value)| ((*key).into(), (*value).into()));
        Bandwidth::of(&options.collect()).map_err(|error| error.to_string())
    }

    #[test]
    fn limits_are_read_in_bits_and_a_burst_is_found_where_none_is_asked_for() {
        let read = of(&[
            ("rnet.ingress_rate", "10m"),
            ("rnet.egress_rate", "8000"),
            ("rnet.egress_burst", "80k"),
        ]);
        let wanted = Bandwidth {
            ingress: Some(RateLimit {
                rate: 10_000_000,
                burst: LEAST_BURST,
            }),
            egress: Some(RateLimit {
                rate: 8000,
                burst: 80_000,
            }),
        };
        assert_eq!(read, Ok(wanted));
        assert_eq!(wanted.egress.unwrap().byte_rate(), 1000);
        assert_eq!(wanted.egress.unwrap().queue_bytes(), 10_025);
        assert_eq!(of(&[("rnet.ingress_rate", "0")]), Ok(Bandwidth::default()));
    }

    #[test]
    fn what_is_no_limit_is_told() {
        for (option, value, words) in [
            ("rnet.ingress_rate", "fast", "bits are expected"),
            ("rnet.egress_burst", "10k", "a burst needs a rate"),
            ("rnet.egress_rate", "99999999999g", "bits are expected"),
        ] {
            let refusal = of(&[(option, value)]).unwrap_err();
            assert!(
                refusal.contains(option) && refusal.contains(words),
                "{refusal}"
            );
        }
    }
}
