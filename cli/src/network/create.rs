//! `network create`: subnets, and what belongs to each of them.

use std::collections::HashMap;
use std::net::IpAddr;

use bollard::models::{ConfigReference, Ipam, IpamConfig, NetworkCreateRequest};
use clap::{ArgAction, Args};
use rnet_model::Cidr;

use crate::api::Api;
use crate::error::{Error, Result};
use crate::parse::pair::{self, Pair};
use crate::show::output;

/// Create a network; prints its id
#[derive(Args)]
pub(crate) struct Create {
    /// The driver
    #[arg(short, long, default_value = "bridge")]
    driver: String,
    /// A subnet, for instance 172.25.0.0/16; one for each family
    #[arg(long, value_name = "CIDR")]
    subnet: Vec<Cidr>,
    /// Give containers addresses from this part of a subnet
    #[arg(long, value_name = "CIDR")]
    ip_range: Vec<Cidr>,
    /// The address of a subnet's gateway
    #[arg(long, value_name = "ADDRESS")]
    gateway: Vec<IpAddr>,
    /// An address that no container may have
    #[arg(long, value_name = "NAME=ADDRESS", value_parser = reserved)]
    aux_address: Vec<(String, IpAddr)>,
    /// The driver that gives addresses
    #[arg(long, value_name = "DRIVER", default_value = "default")]
    ipam_driver: String,
    /// Set an option of the address driver
    #[arg(long, value_name = "KEY=VALUE")]
    ipam_opt: Vec<Pair>,
    /// Set an option of the driver
    #[arg(short, long, value_name = "KEY=VALUE")]
    opt: Vec<Pair>,
    /// Set metadata
    #[arg(long, value_name = "KEY=VALUE")]
    label: Vec<Pair>,
    /// Keep the network to itself: no way out, no way in
    #[arg(long)]
    internal: bool,
    /// Let containers that stand alone attach
    #[arg(long)]
    attachable: bool,
    /// Make a template: options, subnets and labels that other networks are made from
    #[arg(long)]
    config_only: bool,
    /// Take options, subnets and labels from this template
    #[arg(long, value_name = "NETWORK")]
    config_from: Option<String>,
    /// How far the network reaches; rnet's are `local`
    #[arg(long, default_value = "")]
    scope: String,
    /// Make the network that swarm's published ports are on; rnet has none
    #[arg(long)]
    ingress: bool,
    /// Use IPv4, or not [default: true]
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", action = ArgAction::Set)]
    ipv4: Option<bool>,
    /// Use IPv6, or not [default: false]
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", action = ArgAction::Set)]
    ipv6: Option<bool>,
    /// The network's name
    name: String,
}

impl Create {
    pub(super) async fn run(self, api: &Api) -> Result<u8> {
        let created = api.docker.create_network(self.request()?).await?;
        if !created.warning.is_empty() {
            output::warning(&created.warning);
        }
        output::line(created.id)?;
        Ok(0)
    }

    fn request(self) -> Result<NetworkCreateRequest> {
        let config = self.pools()?;
        Ok(NetworkCreateRequest {
            name: self.name,
            driver: Some(self.driver),
            internal: Some(self.internal),
            attachable: Some(self.attachable),
            config_only: Some(self.config_only),
            config_from: self.config_from.map(|network| ConfigReference {
                network: Some(network),
            }),
            scope: Some(self.scope),
            ingress: Some(self.ingress),
            enable_ipv4: self.ipv4,
            enable_ipv6: self.ipv6,
            ipam: Some(Ipam {
                driver: Some(self.ipam_driver),
                options: Some(pair::map(&self.ipam_opt)),
                config: Some(config),
            }),
            options: Some(pair::map(&self.opt)),
            labels: Some(pair::map(&self.label)),
        })
    }

    /// The subnets, each with the range, gateway and reserved addresses that lie in it.
    fn pools(&self) -> Result<Vec<IpamConfig>> {
        let mut pools: Vec<_> = self
            .subnet
            .iter()
            .map(|subnet| IpamConfig {
                subnet: Some(subnet.to_string()),
                ..Default::default()
            })
            .collect();
        for range in &self.ip_range {
            let pool = &mut pools[self.subnet_of(range.ip())?];
            set(&mut pool.ip_range, range.to_string())?;
        }
        for gateway in &self.gateway {
            let pool = &mut pools[self.subnet_of(*gateway)?];
            set(&mut pool.gateway, gateway.to_string())?;
        }
        for (name, address) in &self.aux_address {
            let pool = &mut pools[self.subnet_of(*address)?];
            let reserved = pool.auxiliary_addresses.get_or_insert_with(HashMap::new);
            reserved.insert(name.clone(), address.to_string());
        }
        Ok(pools)
    }

    /// Which of the subnets `address` lies in.
    fn subnet_of(&self, address: IpAddr) -> Result<usize> {
        self.subnet.iter().position(|subnet| subnet.contains(address)).ok_or(Error::Conflict(
            "every --ip-range, --gateway and --aux-address must lie in a --subnet that is given too",
        ))
    }
}

fn set(place: &mut Option<String>, value: String) -> Result<()> {
    match place.replace(value) {
        None => Ok(()),
        Some(_) => Err(Error::Conflict(
            "a subnet can have only one --ip-range and one --gateway",
        )),
    }
}

fn reserved(text: &str) -> Result<(String, IpAddr), String> {
    let (name, address) = text.split_once('=').ok_or("write NAME=ADDRESS")?;
    let address = address
        .parse()
        .map_err(|_| format!("{address:?} is not an IP address"))?;
    Ok((name.to_owned(), address))
}

#[cfg(test)]
mod tests {
    use clap::Parser;
    use serde_json::json;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        create: Create,
    }

    fn create(line: &str) -> Create {
        let words = std::iter::once("create").chain(line.split_whitespace());
        Line::try_parse_from(words).unwrap().create
    }

    #[test]
    fn everything_goes_to_the_subnet_it_lies_in() {
        let line = "--subnet 172.25.0.0/16 --subnet fd00::/64 --ip-range 172.25.100.0/24 \
                    --gateway fd00::9 --gateway 172.25.0.9 --aux-address a=172.25.0.2 n";
        let request = create(line).request().unwrap();
        assert_eq!(
            serde_json::to_value(request.ipam.unwrap().config).unwrap(),
            json!([
                {
                    "Subnet": "172.25.0.0/16",
                    "IPRange": "172.25.100.0/24",
                    "Gateway": "172.25.0.9",
                    "AuxiliaryAddresses": { "a": "172.25.0.2" },
                },
                { "Subnet": "fd00::/64", "Gateway": "fd00::9" },
            ])
        );
    }

    #[test]
    fn what_lies_in_no_subnet_is_refused() {
        for line in [
            "--gateway 10.0.0.1 n",
            "--subnet 10.0.0.0/24 --ip-range 10.1.0.0/25 n",
        ] {
            assert!(
                matches!(create(line).request(), Err(Error::Conflict(_))),
                "{line}"
            );
        }
        let two = "--subnet 10.0.0.0/24 --gateway 10.0.0.1 --gateway 10.0.0.2 n";
        assert!(create(two).request().is_err());
    }

    #[test]
    fn families_are_left_to_the_daemon_unless_told() {
        let request = create("n").request().unwrap();
        assert_eq!((request.enable_ipv4, request.enable_ipv6), (None, None));
        let request = create("--ipv6 --ipv4=false n").request().unwrap();
        assert_eq!(
            (request.enable_ipv4, request.enable_ipv6),
            (Some(false), Some(true))
        );
    }
}
