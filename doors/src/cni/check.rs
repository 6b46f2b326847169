//! Whether an attachment is as it was made: to `netd`, and in the container's own namespace.

use std::collections::BTreeSet;
use std::io;
use std::net::IpAddr;
use std::path::Path;

use nix::ifaddrs::getifaddrs;
use serde_json::Value;

use super::config::Config;
use super::error::{CniError, Code};
use super::invocation::Attachment;
use super::namespace::within;
use super::result::place_of;
use crate::sandboxes::addresses;

/// Refuses an attachment that is not what it was.
pub(super) fn check(
    config: &Config,
    attachment: &Attachment,
    sandbox: &Value,
) -> Result<(), CniError> {
    let addresses = addresses(place_of(sandbox, attachment)?);
    let name = attachment.ifname.as_str();
    for promised in promised(config, attachment) {
        if !addresses.iter().any(|it| it.cidr == promised) {
            return Err(changed(format!(
                "{promised} of {name} is not leased to it any more"
            )));
        }
    }
    let namespace = attachment.namespace.as_deref().unwrap_or(Path::new(""));
    let present = addresses_in(namespace, name)
        .map_err(|error| changed(format!("cannot look into {}: {error}", namespace.display())))?;
    let Some(present) = present else {
        return Err(changed(format!(
            "interface {name} is gone from {}",
            namespace.display()
        )));
    };
    let bare = |cidr: &str| {
        cidr.split('/')
            .next()
            .and_then(|it| it.parse::<IpAddr>().ok())
    };
    let missing = addresses
        .iter()
        .find(|it| bare(&it.cidr).is_some_and(|it| !present.contains(&it)));
    match missing {
        Some(lost) => Err(changed(format!(
            "interface {name} has lost its address {}",
            lost.cidr
        ))),
        None => Ok(()),
    }
}

/// The addresses that the attachment's result gave its interface.
fn promised(config: &Config, attachment: &Attachment) -> Vec<String> {
    let Some(previous) = &config.prev_result else {
        return Vec::new();
    };
    let is_ours = |ip: &&Value| {
        let index = ip["interface"]
            .as_u64()
            .and_then(|it| usize::try_from(it).ok());
        let interface = index.map(|index| &previous["interfaces"][index]);
        interface.is_some_and(|it| it["name"] == attachment.ifname.as_str() && it["sandbox"] != "")
    };
    let ips = previous["ips"].as_array().into_iter().flatten();
    let addresses = ips.filter(is_ours).filter_map(|ip| ip["address"].as_str());
    addresses.map(str::to_owned).collect()
}

/// The addresses of an interface in a namespace; none where there is no such interface.
fn addresses_in(namespace: &Path, name: &str) -> io::Result<Option<BTreeSet<IpAddr>>> {
    within(namespace, || {
        let mut found = None;
        for entry in getifaddrs()?.filter(|it| it.interface_name == name) {
            let addresses: &mut BTreeSet<IpAddr> = found.get_or_insert_default();
            let Some(address) = entry.address else {
                continue;
            };
            let v4 = address.as_sockaddr_in().map(|it| IpAddr::V4(it.ip()));
            let v6 = address.as_sockaddr_in6().map(|it| IpAddr::V6(it.ip()));
            addresses.extend(v4.or(v6));
        }
        Ok(found)
    })
}

fn changed(message: String) -> CniError {
    CniError::new(Code::Changed, message)
}
