//! The calls of a driver of addresses (libnetwork, `ipams/remote/api`).

use std::collections::BTreeMap;
use std::net::IpAddr;

use rnet_model::{Cidr, MacAddress};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Kind, PluginError, Plugins, Result};

const GATEWAY: &str = "com.docker.network.gateway";
const MAC: &str = "com.docker.network.endpoint.macaddress";

/// A pool of addresses that a plugin gave.
#[derive(Debug)]
pub(crate) struct Pool {
    pub(crate) id: String,
    pub(crate) subnet: Cidr,
    /// The gateway, where the plugin chose one with the pool.
    pub(crate) gateway: Option<IpAddr>,
}

/// What an address is for.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Purpose {
    /// A network's gateway.
    Gateway,
    /// Whatever the user sets it aside for.
    Auxiliary,
    /// An endpoint, with its hardware address where the plugin needs that.
    Endpoint(Option<MacAddress>),
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
struct Capabilities {
    #[serde(rename = "RequiresMACAddress")]
    requires_mac_address: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Spaces {
    local_default_address_space: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct GivenPool {
    #[serde(rename = "PoolID")]
    id: String,
    pool: Cidr,
    #[serde(default)]
    data: Option<BTreeMap<String, String>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct GivenAddress {
    address: String,
}

impl Plugins {
    /// Whether it gives addresses to who has a hardware address only; one that does not say so does not.
    pub(crate) fn needs_mac(&self, plugin: &str) -> Result<bool> {
        Ok(self.capabilities(plugin)?.requires_mac_address)
    }

    /// The address space of networks of one host.
    pub(crate) fn address_space(&self, plugin: &str) -> Result<String> {
        let spaces: Spaces =
            self.call(plugin, Kind::Ipam, "GetDefaultAddressSpaces", &json!({}))?;
        Ok(spaces.local_default_address_space)
    }

    /// A pool of a family: the one that is wanted, or any.
    pub(crate) fn request_pool(
        &self,
        plugin: &str,
        space: &str,
        (wanted, range): (Option<Cidr>, Option<Cidr>),
        v4: bool,
        options: &BTreeMap<String, String>,
    ) -> Result<Pool> {
        let text = |it: Option<Cidr>| it.map_or_else(String::new, |it| it.to_string());
        let body = json!({
            "AddressSpace": space,
            "Pool": text(wanted),
            "SubPool": text(range),
            "Options": options,
            "V6": !v4,
        });
        let given: GivenPool = self.call(plugin, Kind::Ipam, "RequestPool", &body)?;
        let odd = |reason: String| PluginError::nonsense(plugin, "IpamDriver.RequestPool", reason);
        let pool = given.pool;
        let subnet = Cidr::new(pool.network(), pool.prefix()).map_err(|it| odd(it.to_string()))?;
        if pool.is_ipv4() != v4 || wanted.is_some_and(|it| it != subnet) {
            return Err(odd(format!("pool {pool} is not what was asked for")));
        }
        let gateway = given.data.as_ref().and_then(|it| it.get(GATEWAY));
        let gateway = gateway.filter(|it| !it.is_empty());
        let gateway = gateway.map(|it| address(it).ok_or_else(|| odd(format!("gateway {it:?}"))));
        let gateway = gateway.transpose()?;
        if let Some(gateway) = gateway.filter(|it| !subnet.contains(*it)) {
            return Err(odd(format!("gateway {gateway} is not of pool {subnet}")));
        }
        Ok(Pool {
            id: given.id,
            subnet,
            gateway,
        })
    }

    /// An address of a pool: the one that is wanted, or any.
    pub(crate) fn request_address(
        &self,
        plugin: &str,
        (pool, subnet): (&str, Cidr),
        wanted: Option<IpAddr>,
        purpose: Purpose,
    ) -> Result<IpAddr> {
        let options = match purpose {
            Purpose::Gateway => json!({"RequestAddressType": GATEWAY}),
            Purpose::Endpoint(Some(mac)) => json!({MAC: mac.to_string()}),
            Purpose::Endpoint(None) | Purpose::Auxiliary => json!({}),
        };
        let body = json!({
            "PoolID": pool,
            "Address": wanted.map_or_else(String::new, |it| it.to_string()),
            "Options": options,
        });
        let given: GivenAddress = self.call(plugin, Kind::Ipam, "RequestAddress", &body)?;
        let odd =
            |reason: String| PluginError::nonsense(plugin, "IpamDriver.RequestAddress", reason);
        let text = given.address;
        let given = address(&text).ok_or_else(|| odd(format!("address {text:?}")))?;
        if !subnet.contains(given) {
            return Err(odd(format!("address {given} is not of its pool {subnet}")));
        }
        match wanted.filter(|it| *it != given) {
            Some(wanted) => Err(odd(format!("address {given} in place of {wanted}"))),
            None => Ok(given),
        }
    }

    /// A call that is 404, or fails in another way, says no to everything (libnetwork, `ipams/remote`, `getCapabilities`).
    fn capabilities(&self, plugin: &str) -> Result<Capabilities> {
        match self.call(plugin, Kind::Ipam, "GetCapabilities", &Value::Null) {
            Err(error) if error.is_answer() => Ok(Capabilities::default()),
            answer => answer,
        }
    }
}

/// An address, with its prefix length or without.
fn address(text: &str) -> Option<IpAddr> {
    let bare = text.split_once('/').map_or(text, |(address, _)| address);
    bare.parse().ok()
}
