//! Lines of `/etc/hosts`: `--add-host NAME:ADDRESS`.

use std::net::IpAddr;
use std::str::FromStr;

use super::Refused;

/// Stands for the host's address on the default network.
const HOST_GATEWAY: &str = "host-gateway";

/// A name and its address, as the API wants them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct HostEntry(String);

impl HostEntry {
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for HostEntry {
    type Err = Refused;

    fn from_str(text: &str) -> Result<Self, Refused> {
        let (name, address) = text
            .split_once('=')
            .or_else(|| text.split_once(':'))
            .filter(|(name, _)| !name.is_empty())
            .ok_or_else(|| Refused::new("write NAME:ADDRESS"))?;
        let bare = address.trim_start_matches('[').trim_end_matches(']');
        if address != HOST_GATEWAY && bare.parse::<IpAddr>().is_err() {
            return Err(Refused::new(format!(
                "{address:?} is neither an IP address nor {HOST_GATEWAY}"
            )));
        }
        Ok(Self(format!("{name}:{bare}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_separators_are_understood() {
        for (text, entry) in [
            ("db:10.0.0.1", "db:10.0.0.1"),
            ("db=10.0.0.1", "db:10.0.0.1"),
            ("db:fd00::1", "db:fd00::1"),
            ("db=[fd00::1]", "db:fd00::1"),
            ("me:host-gateway", "me:host-gateway"),
        ] {
            assert_eq!(text.parse(), Ok(HostEntry(entry.into())));
        }
        for wrong in ["db", ":10.0.0.1", "db:", "db:elsewhere"] {
            assert!(wrong.parse::<HostEntry>().is_err(), "{wrong}");
        }
    }
}
