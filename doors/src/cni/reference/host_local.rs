//! `host-local`: addresses for plugins that are not rnet's, kept in files; `netd` is not asked.

use std::net::IpAddr;
use std::path::{Path, PathBuf};

use rnet_model::Cidr;
use serde::Deserialize;
use serde_json::{Value, json};

use super::ipam::{Ipam, Span, spans};
use super::leases::{Holder, Leases};
use crate::cni::config::Config;
use crate::cni::error::{CniError, Code};
use crate::cni::plugin::{Call, Plugin};
use crate::sandboxes::Sandboxes;

/// Where leases are unless the configuration says otherwise.
const DATA: &str = "/var/lib/cni/networks";

/// Leases an address of each range set.
pub(in crate::cni) struct HostLocal;

/// All other keys are those of the plugin that asks.
#[derive(Deserialize)]
struct Keys {
    ipam: Ipam,
}

impl Plugin for HostLocal {
    fn add(&self, call: &Call) -> Result<Value, CniError> {
        let ipam = ipam(&call.config)?;
        let leases = open(&ipam, &call.config)?;
        let holder = holder(call);
        let mut asked = call.asked()?;
        let mut ips = Vec::new();
        let mut lease_all = || {
            for (number, set) in spans(&ipam, &call.config)?.iter().enumerate() {
                let wanted = asked
                    .iter()
                    .position(|it| set.iter().any(|span| span.has(*it)));
                let wanted = wanted.map(|place| asked.swap_remove(place));
                let (address, span) = lease(&leases, number, set, wanted, &holder)?;
                ips.push(shown(call, address, span));
            }
            match asked.first() {
                Some(address) => Err(taken(format!("{address} is in no range of the network"))),
                None => Ok(()),
            }
        };
        if let Err(error) = lease_all() {
            leases.free(|it| it != holder.text()).map_err(failed)?;
            return Err(error);
        }
        let dns = ipam.dns()?.unwrap_or_default();
        Ok(json!({
            "cniVersion": call.config.cni_version, "ips": ips, "routes": ipam.shown_routes(),
            "dns": {"nameservers": dns.servers, "search": dns.searches, "options": dns.options},
        }))
    }

    fn del(&self, call: &Call) -> Result<(), CniError> {
        let leases = open(&ipam(&call.config)?, &call.config)?;
        let holder = holder(call).text();
        leases.free(|it| it != holder).map_err(failed)
    }

    fn check(&self, call: &Call) -> Result<(), CniError> {
        let leases = open(&ipam(&call.config)?, &call.config)?;
        match leases.of(&holder(call)).map_err(failed)?.is_empty() {
            true => Err(CniError::new(
                Code::Changed,
                format!("container {} has no address", call.attachment.container),
            )),
            false => Ok(()),
        }
    }

    fn collect(&self, _sandboxes: &Sandboxes, config: &Config) -> Result<(), CniError> {
        let valid = config.valid_attachments.iter().flatten();
        let valid = valid.map(|it| Holder {
            container: &it.container,
            ifname: &it.ifname,
        });
        let valid: Vec<_> = valid.map(|it| it.text()).collect();
        let leases = open(&ipam(config)?, config)?;
        leases
            .free(|it| valid.iter().any(|valid| valid == it))
            .map_err(failed)
    }

    /// It needs no `netd`.
    fn status(&self, _sandboxes: &Sandboxes) -> Result<(), CniError> {
        Ok(())
    }
}

/// An address of a set: the one asked for, or the first free one after the last, from the beginning again at the end.
fn lease<'a>(
    leases: &Leases,
    number: usize,
    set: &'a [Span],
    wanted: Option<IpAddr>,
    holder: &Holder<'_>,
) -> Result<(IpAddr, &'a Span), CniError> {
    if let Some(address) = wanted {
        let span = set.iter().find(|it| it.has(address));
        let span = span.filter(|it| it.gateway != address);
        let span = span.ok_or_else(|| taken(format!("{address} is the gateway's")))?;
        return match leases.take(address, holder).map_err(failed)? {
            true => Ok((address, span)),
            false => Err(taken(format!("{address} is leased to another container"))),
        };
    }
    let last = leases.last(number);
    let all = || {
        set.iter()
            .flat_map(|span| span.addresses().map(move |it| (it, span)))
    };
    let after = all().skip_while(|(it, _)| last.is_some_and(|last| *it != last));
    for (address, span) in after.skip(usize::from(last.is_some())).chain(all()) {
        if address != span.gateway && leases.take(address, holder).map_err(failed)? {
            leases.put_last(number, address).map_err(failed)?;
            return Ok((address, span));
        }
    }
    Err(taken(
        "no address is free in the network's ranges".to_owned(),
    ))
}

fn shown(call: &Call, address: IpAddr, span: &Span) -> Value {
    let cidr = Cidr::new(address, span.subnet.prefix());
    let mut ip = json!({
        "address": cidr.map(|it| it.to_string()).unwrap_or_default(),
        "gateway": span.gateway,
    });
    if call.config.cni_version.starts_with("0.") {
        ip["version"] = if address.is_ipv4() { "4" } else { "6" }.into();
    }
    ip
}

fn ipam(config: &Config) -> Result<Ipam, CniError> {
    config.keys::<Keys>().map(|it| it.ipam)
}

fn open(ipam: &Ipam, config: &Config) -> Result<Leases, CniError> {
    let directory: PathBuf = ipam
        .data_dir()
        .unwrap_or(Path::new(DATA))
        .join(&config.name);
    Leases::open(directory).map_err(failed)
}

fn holder(call: &Call) -> Holder<'_> {
    Holder {
        container: &call.attachment.container,
        ifname: call.attachment.ifname.as_str(),
    }
}

fn taken(message: String) -> CniError {
    CniError::new(Code::Taken, message)
}

fn failed(error: std::io::Error) -> CniError {
    CniError::new(Code::InputOutput, format!("cannot keep leases: {error}"))
}
