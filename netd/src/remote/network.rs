//! The calls of a network driver (libnetwork, `drivers/remote/api`).

use std::net::IpAddr;
use std::path::Path;

use rnet_model::{Cidr, Endpoint, IfName, MacAddress, Network, Sandbox};
use serde::{Deserialize, Deserializer};
use serde_json::{Value, json};

use super::wire::{self, about};
use super::{Kind, PluginError, Plugins, Result};

/// An interface as `CreateEndpoint` answers it: what rnet had left open.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(crate) struct Interface {
    #[serde(deserialize_with = "word")]
    pub(crate) address: Option<Cidr>,
    #[serde(rename = "AddressIPv6", deserialize_with = "word")]
    pub(crate) address_v6: Option<Cidr>,
    #[serde(deserialize_with = "word")]
    pub(crate) mac_address: Option<MacAddress>,
}

/// What `Join` answers.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(crate) struct JoinAnswer {
    pub(crate) interface_name: Option<InterfaceName>,
    #[serde(deserialize_with = "word")]
    pub(crate) gateway: Option<IpAddr>,
    #[serde(rename = "GatewayIPv6", deserialize_with = "word")]
    pub(crate) gateway_v6: Option<IpAddr>,
    pub(crate) static_routes: Option<Vec<StaticRoute>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(crate) struct InterfaceName {
    #[serde(deserialize_with = "word")]
    pub(crate) src_name: Option<IfName>,
    pub(crate) dst_prefix: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct StaticRoute {
    pub(crate) destination: Cidr,
    /// 0 where there is a next hop, 1 where it is on the link (libnetwork, `types.StaticRoute`).
    #[serde(default)]
    route_type: u8,
    #[serde(default, deserialize_with = "word")]
    next_hop: Option<IpAddr>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Created {
    interface: Option<Interface>,
}

impl StaticRoute {
    /// The route, and its next hop if it has one.
    pub(crate) fn route(&self) -> (Cidr, Option<IpAddr>) {
        let next_hop = self.next_hop.filter(|_| self.route_type == 0);
        (self.destination, next_hop)
    }
}

impl Plugins {
    /// `CreateNetwork`, after the driver was asked what it can: of what it answers, nothing changes what rnet does, as
    /// its networks are of one host in any case.
    pub(crate) fn create_network(&self, network: &Network) -> Result<()> {
        let driver = &network.driver;
        match self.call::<Value>(driver, Kind::Network, "GetCapabilities", &json!({})) {
            Err(error) if !error.is_unknown_call() => return Err(error),
            _ => {}
        }
        let body = wire::network(network);
        self.told(driver, Kind::Network, "CreateNetwork", &body)
    }

    /// `CreateEndpoint`: an endpoint with what is decided about it; `mac` is said where somebody asked for it.
    pub(crate) fn create_endpoint(
        &self,
        network: &Network,
        endpoint: &Endpoint,
        sandbox: &Sandbox,
        mac: Option<MacAddress>,
    ) -> Result<Interface> {
        let address = |v4: bool| {
            let mut addresses = endpoint.addresses.iter();
            let found = addresses.find(|it| it.is_ipv4() == v4);
            found.map_or_else(String::new, ToString::to_string)
        };
        let mut body = about(endpoint.network, Some(endpoint.id));
        let interface = json!({
            "Address": address(true),
            "AddressIPv6": address(false),
            "MacAddress": mac.map_or_else(String::new, |it| it.to_string()),
        });
        body.insert("Interface".to_owned(), interface);
        let options = wire::endpoint_options(network, endpoint, sandbox);
        body.insert("Options".to_owned(), options);
        let body = Value::Object(body);
        let created: Created =
            self.call(&network.driver, Kind::Network, "CreateEndpoint", &body)?;
        Ok(created.interface.unwrap_or_default())
    }

    /// `Join`: the endpoint is to be in the sandbox whose namespace is found at `key`.
    pub(crate) fn join(
        &self,
        network: &Network,
        endpoint: &Endpoint,
        key: &Path,
    ) -> Result<JoinAnswer> {
        let mut body = about(endpoint.network, Some(endpoint.id));
        body.insert("SandboxKey".to_owned(), json!(key));
        body.insert("Options".to_owned(), json!({}));
        self.call(&network.driver, Kind::Network, "Join", &Value::Object(body))
    }

    /// `ProgramExternalConnectivity`: the endpoint leads out of its sandbox from now on, and has its ports published.
    ///
    /// A plugin that does not know the call has none to publish (libnetwork tolerates the same).
    pub(crate) fn lead_out(
        &self,
        network: &Network,
        endpoint: &Endpoint,
        sandbox: &Sandbox,
    ) -> Result<()> {
        let mut body = about(endpoint.network, Some(endpoint.id));
        body.insert("Options".to_owned(), Value::Object(wire::ports(sandbox)));
        let call = "ProgramExternalConnectivity";
        let told = self.told(&network.driver, Kind::Network, call, &Value::Object(body));
        tolerated(told)
    }

    /// A call whose answer says nothing but that it was heard.
    pub(super) fn told(&self, plugin: &str, kind: Kind, method: &str, body: &Value) -> Result<()> {
        self.call::<Value>(plugin, kind, method, body).map(drop)
    }
}

/// The same, where it is no matter that the plugin does not know it.
pub(super) fn tolerated(told: Result<()>) -> Result<()> {
    match told {
        Err(error) if error.is_unknown_call() => Ok(()),
        told => told,
    }
}

/// A word of an answer that may be missing or empty.
fn word<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: std::str::FromStr<Err: std::fmt::Display>,
{
    let word = Option::<String>::deserialize(deserializer)?;
    let word = word.filter(|it| !it.is_empty());
    let parsed = word.map(|it| it.parse().map_err(|error| format!("{it:?}: {error}")));
    parsed.transpose().map_err(serde::de::Error::custom)
}

impl PluginError {
    /// What a plugin answered to `Join` cannot be.
    pub(crate) fn odd_join(plugin: &str, reason: impl Into<String>) -> Self {
        Self::nonsense(plugin, "NetworkDriver.Join", reason)
    }

    /// What it answered to `CreateEndpoint` cannot be.
    pub(crate) fn odd_endpoint(plugin: &str, reason: impl Into<String>) -> Self {
        Self::nonsense(plugin, "NetworkDriver.CreateEndpoint", reason)
    }
}
