//! The plugins that this program is, by the name it is run under: rnet's own, and the reference plugins'.

use std::net::IpAddr;

use serde_json::Value;

use super::attach::{self, Attach};
use super::config::Config;
use super::error::{CniError, Code};
use super::invocation::Attachment;
use super::reference::{
    Bandwidth, Dnsname, Firewall, HostLocal, Loopback, Portmap, Tuning, bridge,
};
use crate::netd::CallError;
use crate::sandboxes::Sandboxes;

/// A call about one attachment.
pub(super) struct Call {
    pub(super) config: Config,
    pub(super) attachment: Attachment,
    pub(super) sandboxes: Sandboxes,
}

/// What a plugin does when it is asked to.
///
/// **Contract:** every call can be repeated, and a call that was refused has changed nothing.
pub(super) trait Plugin {
    /// Does its part of an attachment; the result, with what the plugins before it have done.
    fn add(&self, call: &Call) -> Result<Value, CniError>;

    /// Undoes its part, whatever is left of it.
    fn del(&self, _call: &Call) -> Result<(), CniError> {
        Ok(())
    }

    /// Refuses an attachment in which its part is not as it was made.
    fn check(&self, call: &Call) -> Result<(), CniError>;

    /// Undoes its part of what is not in use any more.
    fn collect(&self, _sandboxes: &Sandboxes, _config: &Config) -> Result<(), CniError> {
        Ok(())
    }

    /// Whether attachments can be made now.
    fn status(&self, sandboxes: &Sandboxes) -> Result<(), CniError> {
        let answer = sandboxes.netd().get("/_ping").map_err(CniError::from);
        answer
            .map(drop)
            .map_err(|error| error.with(Code::NotAvailable))
    }
}

/// The plugin of a name; any that is none of the reference plugins' is rnet's own.
pub(super) fn named(name: &str) -> &'static dyn Plugin {
    match name {
        "bridge" => &Attach(bridge::wanted),
        "portmap" => &Portmap,
        "firewall" => &Firewall,
        "tuning" => &Tuning,
        "bandwidth" => &Bandwidth,
        "host-local" => &HostLocal,
        "loopback" => &Loopback,
        "dnsname" => &Dnsname,
        _ => &Attach(attach::wanted),
    }
}

impl Call {
    /// The sandbox that the attachment is of, with its interface there; refused where it is none of rnet's.
    pub(super) fn sandbox(&self) -> Result<Value, CniError> {
        let container = &self.attachment.container;
        let ifname = &self.attachment.ifname;
        let foreign = || {
            CniError::new(
                Code::InvalidConfig,
                format!(
                    "interface {ifname} of container {container} is not rnet's: put a plugin \"rnet\", or rnet's \"bridge\", before this one"
                ),
            )
        };
        match self.sandboxes.show(container) {
            Err(CallError::Refused { status: 404, .. }) => Err(foreign()),
            Ok(sandbox) => match crate::sandboxes::place(&sandbox, ifname.as_str()) {
                Some(_) => Ok(sandbox),
                None => Err(foreign()),
            },
            Err(error) => Err(error.into()),
        }
    }

    /// The addresses that are asked for, in whichever of the three ways (CONVENTIONS.md).
    pub(super) fn asked(&self) -> Result<Vec<IpAddr>, CniError> {
        let config = &self.config;
        let texts = config.runtime_config.ips.iter().chain(&config.args.cni.ips);
        let texts = texts.chain(self.attachment.arguments.get("IP"));
        texts.map(|text| attach::address(text)).collect()
    }

    /// The result of the plugins before, for one that adds nothing to it.
    pub(super) fn passed_on(&self) -> Result<Value, CniError> {
        self.config.prev_result.clone().ok_or_else(|| {
            let message = "prevResult is missing: this plugin stands in a chain, behind another";
            CniError::new(Code::InvalidConfig, message)
        })
    }
}
