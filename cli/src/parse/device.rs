//! Devices (`--device HOST[:CONTAINER][:rwm]`) and limits of processes (`--ulimit NAME=SOFT[:HARD]`).

use std::str::FromStr;

use bollard::models::{DeviceMapping, ResourcesUlimits};

use super::Refused;

/// A device of the host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Device {
    source: String,
    target: String,
    access: String,
}

/// What each process may use up of something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Ulimit {
    name: String,
    soft: i64,
    hard: i64,
}

impl Device {
    /// As the API wants it.
    pub(crate) fn mapping(&self) -> DeviceMapping {
        DeviceMapping {
            path_on_host: Some(self.source.clone()),
            path_in_container: Some(self.target.clone()),
            cgroup_permissions: Some(self.access.clone()),
        }
    }
}

impl Ulimit {
    /// As the API wants it.
    pub(crate) fn limit(&self) -> ResourcesUlimits {
        ResourcesUlimits {
            name: Some(self.name.clone()),
            soft: Some(self.soft),
            hard: Some(self.hard),
        }
    }
}

impl FromStr for Device {
    type Err = Refused;

    fn from_str(text: &str) -> Result<Self, Refused> {
        let refuse = || Refused::new("write HOST[:CONTAINER][:rwm], with absolute paths");
        let is_access =
            |it: &str| (1..=3).contains(&it.len()) && it.chars().all(|c| "rwm".contains(c));
        let parts: Vec<_> = text.split(':').collect();
        let (source, target, access) = match parts[..] {
            [source] => (source, source, "rwm"),
            [source, access] if is_access(access) => (source, source, access),
            [source, target] => (source, target, "rwm"),
            [source, target, access] if is_access(access) => (source, target, access),
            _ => return Err(refuse()),
        };
        if ![source, target].iter().all(|path| path.starts_with('/')) {
            return Err(refuse());
        }
        let (source, target, access) = (source.into(), target.into(), access.into());
        Ok(Self {
            source,
            target,
            access,
        })
    }
}

impl FromStr for Ulimit {
    type Err = Refused;

    fn from_str(text: &str) -> Result<Self, Refused> {
        let refuse = || Refused::new("write NAME=SOFT[:HARD], -1 for no limit");
        let (name, limits) = text.split_once('=').ok_or_else(refuse)?;
        let (soft, hard) = limits.split_once(':').unwrap_or((limits, limits));
        let number = |text: &str| match text {
            "unlimited" => Ok(-1),
            text => text.parse().map_err(|_| refuse()),
        };
        Ok(Self {
            name: name.to_owned(),
            soft: number(soft)?,
            hard: number(hard)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_is_one_path_or_two_and_what_may_be_done() {
        for (text, source, target, access) in [
            ("/dev/a", "/dev/a", "/dev/a", "rwm"),
            ("/dev/a:r", "/dev/a", "/dev/a", "r"),
            ("/dev/a:/dev/b", "/dev/a", "/dev/b", "rwm"),
            ("/dev/a:/dev/b:rw", "/dev/a", "/dev/b", "rw"),
        ] {
            let device: Device = text.parse().unwrap();
            assert_eq!(
                (
                    device.source.as_str(),
                    device.target.as_str(),
                    device.access.as_str()
                ),
                (source, target, access)
            );
        }
        for text in ["", "a", "/dev/a:b", "/dev/a:/b:x", "/dev/a:/b:r:w"] {
            assert!(text.parse::<Device>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_hard_limit_is_the_soft_one_unless_it_is_given() {
        let limit = |text: &str| text.parse::<Ulimit>().map(|it| (it.soft, it.hard)).ok();
        assert_eq!(limit("nofile=1024"), Some((1024, 1024)));
        assert_eq!(limit("nofile=1024:-1"), Some((1024, -1)));
        assert_eq!(limit("nofile"), None);
        assert_eq!(limit("nofile=many"), None);
    }
}
