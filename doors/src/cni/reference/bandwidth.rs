//! `bandwidth`: how fast a container may receive and send.

use serde::Deserialize;
use serde_json::{Value, json};

use super::unsupported;
use crate::cni::config;
use crate::cni::error::{CniError, Code};
use crate::cni::plugin::{Call, Plugin};
use crate::sandboxes::place;

/// Limits an interface of rnet's.
pub(in crate::cni) struct Bandwidth;

/// Its keys (plugins/meta/bandwidth); what the runtime says counts for more.
#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
struct Keys {
    ingress_rate: u64,
    ingress_burst: u64,
    egress_rate: u64,
    egress_burst: u64,
    unshaped_subnets: Vec<String>,
    shaped_subnets: Vec<String>,
}

impl Plugin for Bandwidth {
    fn add(&self, call: &Call) -> Result<Value, CniError> {
        let wanted = wanted(call)?;
        let result = call.passed_on()?;
        if wanted != config::Bandwidth::default() {
            call.sandbox()?;
            set(call, wanted)?;
        }
        Ok(result)
    }

    fn del(&self, call: &Call) -> Result<(), CniError> {
        match call.sandbox() {
            Ok(_) => set(call, config::Bandwidth::default()),
            // it went with what is limited
            Err(error) if error.is(Code::InvalidConfig) => Ok(()),
            Err(error) => Err(error),
        }
    }

    fn check(&self, call: &Call) -> Result<(), CniError> {
        let wanted = wanted(call)?.options();
        let sandbox = call.sandbox()?;
        let place = place(&sandbox, call.attachment.ifname.as_str()).unwrap_or(&Value::Null);
        let found = |option: &str| place["DriverOpts"][option].as_str().unwrap_or_default();
        match wanted.iter().find(|(option, it)| found(option) != **it) {
            Some((option, _)) => Err(CniError::new(
                Code::Changed,
                format!("{option} is {:?} now", found(option)),
            )),
            None => Ok(()),
        }
    }
}

fn wanted(call: &Call) -> Result<config::Bandwidth, CniError> {
    let keys: Keys = call.config.own_keys()?;
    for (key, subnets) in [
        ("unshapedSubnets", &keys.unshaped_subnets),
        ("shapedSubnets", &keys.shaped_subnets),
    ] {
        if !subnets.is_empty() {
            return Err(unsupported(
                key,
                "limits are of all traffic of an interface",
            ));
        }
    }
    Ok(call
        .config
        .runtime_config
        .bandwidth
        .unwrap_or(config::Bandwidth {
            ingress_rate: keys.ingress_rate,
            ingress_burst: keys.ingress_burst,
            egress_rate: keys.egress_rate,
            egress_burst: keys.egress_burst,
        }))
}

fn set(call: &Call, bandwidth: config::Bandwidth) -> Result<(), CniError> {
    let interface = json!({
        "Name": call.attachment.ifname.as_str(),
        "DriverOpts": bandwidth.options(),
    });
    let change = json!({"Interface": interface});
    call.sandboxes.update(&call.attachment.container, &change)?;
    Ok(())
}
