//! `firewall`: rnet's policy stands before an interface has its first packet, so there is nothing to add to it.

use serde::Deserialize;
use serde_json::Value;

use super::unsupported;
use crate::cni::error::CniError;
use crate::cni::plugin::{Call, Plugin};

/// Lets packets to and from an interface pass.
pub(in crate::cni) struct Firewall;

/// Its keys (plugins/meta/firewall).
#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
struct Keys {
    /// How rules are written is `netd`'s matter (`--firewall`).
    #[serde(rename = "backend")]
    _backend: String,
    iptables_admin_chain_name: String,
    firewalld_zone: String,
    ingress_policy: String,
}

impl Plugin for Firewall {
    fn add(&self, call: &Call) -> Result<Value, CniError> {
        let keys: Keys = call.config.own_keys()?;
        for (key, value) in [
            ("iptablesAdminChainName", keys.iptables_admin_chain_name),
            ("firewalldZone", keys.firewalld_zone),
        ] {
            if !value.is_empty() {
                let instead = "rules of your own belong into its table \"inet rnet_user\"";
                return Err(unsupported(key, instead));
            }
        }
        match keys.ingress_policy.as_str() {
            // networks are apart in any case
            "" | "same-bridge" => {}
            "isolated" => {
                let instead = "give the plugin \"bridge\" \"portIsolation\": true";
                return Err(unsupported("ingressPolicy", instead));
            }
            _ => {
                let instead = "networks are apart; connect containers to one they share";
                return Err(unsupported("ingressPolicy", instead));
            }
        }
        let result = call.passed_on()?;
        call.sandbox()?;
        Ok(result)
    }

    fn check(&self, call: &Call) -> Result<(), CniError> {
        call.sandbox().map(drop)
    }
}
