//! `loopback`: the interface by which a container reaches itself.

use std::path::Path;

use serde::Deserialize;
use serde_json::{Value, json};

use crate::cni::error::{CniError, Code};
use crate::cni::namespace::{LinkSettings, set_link, within};
use crate::cni::plugin::{Call, Plugin};
use crate::sandboxes::Sandboxes;

const NAME: &str = "lo";

/// Brings it up. It stays up: whatever else is attached there needs it as well.
pub(in crate::cni) struct Loopback;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Keys {}

impl Plugin for Loopback {
    fn add(&self, call: &Call) -> Result<Value, CniError> {
        let Keys {} = call.config.own_keys()?;
        let up = LinkSettings {
            up: Some(true),
            ..LinkSettings::default()
        };
        let namespace = namespace(call);
        within(namespace, || set_link(NAME, &up)).map_err(|error| {
            let message = format!("cannot bring lo up in {}: {error}", namespace.display());
            CniError::new(Code::Failed, message)
        })?;
        if let Some(result) = &call.config.prev_result {
            return Ok(result.clone());
        }
        let old = call.config.cni_version.starts_with("0.");
        let ip = |address: &str, version: &str| match old {
            true => json!({"address": address, "interface": 0, "version": version}),
            false => json!({"address": address, "interface": 0}),
        };
        Ok(json!({
            "cniVersion": call.config.cni_version,
            "interfaces": [{"name": NAME, "mac": "00:00:00:00:00:00", "sandbox": namespace}],
            "ips": [ip("127.0.0.1/8", "4"), ip("::1/128", "6")],
            "dns": {},
        }))
    }

    fn check(&self, call: &Call) -> Result<(), CniError> {
        let flags = within(namespace(call), || {
            Ok(nix::ifaddrs::getifaddrs()?
                .find(|it| it.interface_name == NAME)
                .map(|it| it.flags))
        });
        match flags {
            Ok(Some(flags)) if flags.contains(nix::net::if_::InterfaceFlags::IFF_UP) => Ok(()),
            Ok(_) => Err(CniError::new(Code::Changed, "lo is down")),
            Err(error) => Err(CniError::new(
                Code::Changed,
                format!("cannot look into {}: {error}", namespace(call).display()),
            )),
        }
    }

    /// It needs no `netd`.
    fn status(&self, _sandboxes: &Sandboxes) -> Result<(), CniError> {
        Ok(())
    }
}

fn namespace(call: &Call) -> &Path {
    let namespace = call.attachment.namespace.as_deref();
    namespace.unwrap_or(Path::new(""))
}
