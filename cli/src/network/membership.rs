//! `network connect` and `disconnect`: containers come to a network and leave it.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use bollard::models::{NetworkConnectRequest, NetworkDisconnectRequest};
use clap::Args;
use rnet_model::{ContainerLink, MacAddress};

use crate::api::{Api, segment};
use crate::error::Result;
use crate::parse::attachment::Endpoint;
use crate::parse::pair::{self, Pair};

/// Connect a container to a network
#[derive(Args)]
pub(crate) struct Connect {
    /// Use this address
    #[arg(long, value_name = "ADDRESS")]
    ip: Option<Ipv4Addr>,
    /// Use this IPv6 address
    #[arg(long, value_name = "ADDRESS")]
    ip6: Option<Ipv6Addr>,
    /// Use this link-local address as well
    #[arg(long, value_name = "ADDRESS")]
    link_local_ip: Vec<IpAddr>,
    /// Use this MAC address
    #[arg(long, value_name = "MAC")]
    mac_address: Option<MacAddress>,
    /// Give the container another name on this network
    #[arg(long, value_name = "NAME")]
    alias: Vec<String>,
    /// Let the container call another one so; nobody else does
    #[arg(long, value_name = "CONTAINER[:ALIAS]")]
    link: Vec<ContainerLink>,
    /// Set an option of the driver
    #[arg(long, value_name = "KEY=VALUE")]
    driver_opt: Vec<Pair>,
    /// Prefer this network's gateway: the highest number wins
    #[arg(long, value_name = "NUMBER", allow_hyphen_values = true)]
    gw_priority: Option<i64>,
    /// Name or id
    network: String,
    /// Name or id
    container: String,
}

/// Disconnect a container from a network
#[derive(Args)]
pub(crate) struct Disconnect {
    /// Disconnect even a container that is in a bad state or gone
    #[arg(short, long)]
    force: bool,
    /// Name or id
    network: String,
    /// Name or id
    container: String,
}

impl Connect {
    pub(super) async fn run(self, api: &Api) -> Result<u8> {
        let endpoint = Endpoint {
            ip: self.ip,
            ip6: self.ip6,
            link_local_ips: self.link_local_ip,
            mac_address: self.mac_address,
            links: self.link,
            aliases: self.alias,
            driver_opts: pair::map(&self.driver_opt),
            gw_priority: self.gw_priority,
        };
        let request = NetworkConnectRequest {
            container: self.container,
            endpoint_config: Some(endpoint.settings()),
        };
        api.docker
            .connect_network(&segment(&self.network), request)
            .await?;
        Ok(0)
    }
}

impl Disconnect {
    pub(super) async fn run(self, api: &Api) -> Result<u8> {
        let request = NetworkDisconnectRequest {
            container: self.container,
            force: Some(self.force),
        };
        api.docker
            .disconnect_network(&segment(&self.network), request)
            .await?;
        Ok(0)
    }
}
