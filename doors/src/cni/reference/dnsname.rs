//! `dnsname`: names of a container, which rnet's resolver answers.

use serde::Deserialize;
use serde_json::{Value, json};

use crate::cni::error::CniError;
use crate::cni::plugin::{Call, Plugin};

/// Gives an endpoint more names.
pub(in crate::cni) struct Dnsname;

/// Its keys (containers/dnsname).
#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
struct Keys {
    /// Every name of a network's is answered without a domain.
    #[serde(rename = "domainName")]
    _domain_name: String,
    #[serde(rename = "multiDomain")]
    _multi_domain: bool,
    #[serde(rename = "remoteServers")]
    remote_servers: Vec<String>,
}

impl Plugin for Dnsname {
    fn add(&self, call: &Call) -> Result<Value, CniError> {
        let keys: Keys = call.config.own_keys()?;
        if !keys.remote_servers.is_empty() {
            let instead = "give \"dns\" to the plugin that attaches";
            return Err(super::unsupported("remoteServers", instead));
        }
        let result = call.passed_on()?;
        call.sandbox()?;
        let interface = json!({
            "Name": call.attachment.ifname.as_str(),
            "Aliases": call.config.aliases(),
        });
        call.sandboxes
            .update(&call.attachment.container, &json!({"Interface": interface}))?;
        Ok(result)
    }

    fn check(&self, call: &Call) -> Result<(), CniError> {
        call.sandbox().map(drop)
    }
}
