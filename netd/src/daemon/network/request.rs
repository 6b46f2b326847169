//! A network someone asks for, and the templates that spare them to say it again.

use std::collections::BTreeMap;

use rnet_ipam::SubnetRequest;
use rnet_model::{Network, Subnet};

use crate::daemon::lookup;
use crate::error::{Error, Result};
use crate::state::State;

/// A network someone asks for.
#[derive(Clone, Debug, Default)]
pub struct NetworkRequest {
    /// Its name.
    pub name: String,
    /// Its driver; none means `bridge`.
    pub driver: Option<String>,
    /// Whether it has IPv4; none means what its options say, or else yes.
    pub enable_ipv4: Option<bool>,
    /// Whether it has IPv6; none means what its options say, or else no.
    pub enable_ipv6: Option<bool>,
    /// Whether it is cut off from everything else.
    pub internal: bool,
    /// Whether standalone containers may attach to it.
    pub attachable: bool,
    /// Whether it is a template for others, never made itself.
    pub config_only: bool,
    /// The template it is made from.
    pub config_from: Option<String>,
    /// Its subnets; a family that is enabled and has none gets one.
    pub subnets: Vec<SubnetRequest>,
    /// The plugin that gives its addresses, or `null`; none where rnet does.
    pub ipam_driver: Option<String>,
    /// Options of the IPAM driver.
    pub ipam_options: BTreeMap<String, String>,
    /// Options of the driver.
    pub options: BTreeMap<String, String>,
    /// Free metadata.
    pub labels: BTreeMap<String, String>,
}

impl NetworkRequest {
    /// Whether it has each family, IPv4 first: as its fields say, or else its options.
    pub(super) fn families(&self) -> Result<(bool, bool)> {
        Ok((
            self.family(self.enable_ipv4, "com.docker.network.enable_ipv4", true)?,
            self.family(self.enable_ipv6, "com.docker.network.enable_ipv6", false)?,
        ))
    }

    fn family(&self, asked: Option<bool>, label: &str, default: bool) -> Result<bool> {
        match (asked, self.options.get(label)) {
            (Some(asked), _) => Ok(asked),
            (None, None) => Ok(default),
            (None, Some(value)) => boolean(value).ok_or_else(|| {
                Error::Invalid(format!(
                    "driver-opt {label:?} is not a valid bool: use true or false"
                ))
            }),
        }
    }

    /// Options the daemon was told to give every network of a driver, where this one has no other value.
    pub(super) fn add_options(&mut self, defaults: &BTreeMap<String, String>) {
        for (label, value) in defaults {
            let option = self.options.entry(label.clone());
            option.or_insert_with(|| value.clone());
        }
    }

    /// A template has what one host decides about a network: nothing that is said of the network as such.
    pub(super) fn check_template(&self) -> Result<()> {
        let refusal = if self.internal || self.attachable {
            "configuration network can only contain network specific fields: \
             leave out internal and attachable, and say them of the networks made from it"
        } else if self.config_from.is_some() {
            "a configuration network cannot depend on another configuration network"
        } else {
            return Ok(());
        };
        Err(Error::Forbidden(refusal.to_owned()))
    }

    /// The request with all that its template says; a template leaves nothing of it to be asked for.
    pub(super) fn filled(mut self, state: &State) -> Result<Self> {
        let Some(reference) = self.config_from.take() else {
            return Ok(self);
        };
        let template = lookup::network(state, &reference).map_err(|error| match error {
            Error::NotFound { reference, .. } => Error::NotFound {
                kind: "configuration network",
                reference,
            },
            other => other,
        })?;
        if !template.config_only {
            return Err(Error::Forbidden(format!(
                "network {} is not a configuration network: make one with --config-only",
                template.name
            )));
        }
        let own_addresses = !self.subnets.is_empty()
            || !self.ipam_options.is_empty()
            || self.enable_ipv6 == Some(true);
        if own_addresses || !self.labels.is_empty() {
            return Err(Error::Forbidden(format!(
                "user specified configurations are not supported if the network depends on a configuration network: \
                 leave out subnets, labels and IPv6, or say them in {}",
                template.name
            )));
        }
        if !self.options.is_empty() {
            return Err(Error::Forbidden(format!(
                "network driver options are not supported if the network depends on a configuration network: \
                 say them in {}",
                template.name
            )));
        }
        Ok(Self {
            enable_ipv4: Some(template.enable_ipv4),
            enable_ipv6: Some(template.enable_ipv6),
            subnets: template.subnets.iter().map(asked).collect(),
            ipam_options: template.ipam_options.clone(),
            options: template.options.clone(),
            labels: template.labels.clone(),
            config_from: Some(template.name.clone()),
            ..self
        })
    }
}

/// The subnets a template stands for, which are taken by nobody yet.
pub(super) fn template_subnets(asked: &[SubnetRequest]) -> Result<Vec<Subnet>> {
    let subnet = |asked: &SubnetRequest| {
        let subnet = asked.subnet.ok_or_else(|| {
            Error::invalid("every address of a configuration network must lie in a subnet of it: add the subnet")
        })?;
        Ok(Subnet {
            subnet,
            ip_range: asked.ip_range,
            gateway: asked.gateway,
            auxiliary_addresses: asked.auxiliary_addresses.clone(),
        })
    };
    asked.iter().map(subnet).collect()
}

/// Refuses to remove a template that networks were made from.
pub(super) fn check_unused(template: &Network, state: &State) -> Result<()> {
    let name = Some(&template.name).filter(|_| template.config_only);
    let mut networks = state.networks();
    match networks.find(|it| it.config_from.is_some() && it.config_from.as_ref() == name) {
        None => Ok(()),
        Some(network) => Err(Error::Forbidden(format!(
            "configuration network {:?} is in use by network {}: remove that first",
            template.name, network.name
        ))),
    }
}

fn asked(subnet: &Subnet) -> SubnetRequest {
    SubnetRequest {
        subnet: Some(subnet.subnet),
        ip_range: subnet.ip_range,
        gateway: subnet.gateway,
        auxiliary_addresses: subnet.auxiliary_addresses.clone(),
    }
}

/// The spellings of Go's `strconv.ParseBool`, which Docker's clients rely on.
fn boolean(text: &str) -> Option<bool> {
    match text {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Some(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Some(false),
        _ => None,
    }
}
