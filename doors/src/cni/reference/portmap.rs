//! `portmap`: ports of the host that lead to a container.

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::unsupported;
use crate::cni::attach::bindings;
use crate::cni::error::{CniError, Code};
use crate::cni::plugin::{Call, Plugin};
use crate::netd::CallError;

/// Publishes what `runtimeConfig.portMappings` asks for.
pub(in crate::cni) struct Portmap;

/// Its keys (plugins/meta/portmap).
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
struct Keys {
    /// How rules are written is `netd`'s matter (`--firewall`).
    #[serde(rename = "backend")]
    _backend: Value,
    snat: bool,
    masq_all: bool,
    mark_masq_bit: Option<u64>,
    external_set_mark_chain: Option<String>,
    conditions_v4: Option<Vec<String>>,
    conditions_v6: Option<Vec<String>>,
}

impl Default for Keys {
    fn default() -> Self {
        Self {
            _backend: Value::Null,
            snat: true,
            masq_all: false,
            mark_masq_bit: None,
            external_set_mark_chain: None,
            conditions_v4: None,
            conditions_v6: None,
        }
    }
}

impl Keys {
    fn check(&self) -> Result<(), CniError> {
        let present = |list: &Option<Vec<String>>| list.as_ref().is_some_and(|it| !it.is_empty());
        let by_rnet = "rnet decides which clients' addresses are translated: leave it out";
        let marks = "rnet needs no marks: leave it out";
        let allow = "to let in some clients only, label the container with rnet.from.PORT";
        for (is_asked, key, instead) in [
            (!self.snat, "snat", by_rnet),
            (self.masq_all, "masqAll", by_rnet),
            (self.mark_masq_bit.is_some(), "markMasqBit", marks),
            (
                self.external_set_mark_chain.is_some(),
                "externalSetMarkChain",
                marks,
            ),
            (present(&self.conditions_v4), "conditionsV4", allow),
            (present(&self.conditions_v6), "conditionsV6", allow),
        ] {
            if is_asked {
                return Err(unsupported(key, instead));
            }
        }
        Ok(())
    }
}

impl Plugin for Portmap {
    fn add(&self, call: &Call) -> Result<Value, CniError> {
        call.config.own_keys::<Keys>()?.check()?;
        let result = call.passed_on()?;
        let ports = wanted(call);
        if !ports.is_empty() {
            call.sandbox()?;
            let change = json!({"PortBindings": ports});
            call.sandboxes.update(&call.attachment.container, &change)?;
        }
        Ok(result)
    }

    /// Ports belong to the whole sandbox: while it has another interface, they lead to that.
    fn del(&self, call: &Call) -> Result<(), CniError> {
        let container = &call.attachment.container;
        let sandbox = match call.sandboxes.show(container) {
            Err(CallError::Refused { status: 404, .. }) => return Ok(()),
            answer => answer?,
        };
        let networks = sandbox["NetworkSettings"]["Networks"].as_object();
        if wanted(call).is_empty() || networks.is_some_and(|it| it.len() > 1) {
            return Ok(());
        }
        match call
            .sandboxes
            .update(container, &json!({"PortBindings": {}}))
        {
            Err(CallError::Refused { status: 404, .. }) => Ok(()),
            answer => Ok(answer.map(drop)?),
        }
    }

    fn check(&self, call: &Call) -> Result<(), CniError> {
        let sandbox = call.sandbox()?;
        let published = &sandbox["NetworkSettings"]["Ports"];
        let is_there = |(port, bindings): (&String, &Value)| {
            let found = published[port].as_array();
            let mut bindings = bindings.as_array().into_iter().flatten();
            bindings.all(|wanted| {
                let mut found = found.into_iter().flatten();
                found.any(|it| it["HostPort"] == wanted["HostPort"])
            })
        };
        match wanted(call).iter().find(|it| !is_there(*it)) {
            Some((port, _)) => Err(CniError::new(
                Code::Changed,
                format!("port {port} is not published any more"),
            )),
            None => Ok(()),
        }
    }
}

fn wanted(call: &Call) -> Map<String, Value> {
    bindings(&call.config.runtime_config.port_mappings)
}
