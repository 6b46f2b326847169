//! `create`: a network as podman 6 asks for it, completed; nothing is made (netavark 2.1.0, `commands/create.rs`).

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv6Addr};

use rnet_model::{Cidr, IfName};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::error::NetavarkError;

/// The name that podman's own default network has.
const FIRST_FREE: &str = "podman";

/// What comes on the standard input.
#[derive(Deserialize)]
pub(super) struct Wish {
    /// As far as the user described it; what is not looked at here stays as it is.
    network: Map<String, Value>,
    #[serde(default)]
    used: Used,
    #[serde(default)]
    options: Options,
}

/// What other networks, and the host, have.
#[derive(Deserialize, Default)]
#[serde(default)]
struct Used {
    interfaces: Vec<String>,
    /// By name, the id.
    names: BTreeMap<String, Value>,
    subnets: Vec<Cidr>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Options {
    subnet_pools: Vec<Pool>,
    default_interface_name: Option<String>,
    check_used_subnets: bool,
}

/// Where subnets of that prefix length are cut from.
#[derive(Deserialize, Clone, Copy)]
struct Pool {
    base: Cidr,
    size: u8,
}

/// The whole description of the network.
pub(super) fn create(wish: Wish) -> Result<Value, NetavarkError> {
    let Wish {
        mut network,
        used,
        options,
    } = wish;
    let text = |network: &Map<String, Value>, key: &str| {
        let text = network.get(key).and_then(Value::as_str);
        text.filter(|it| !it.is_empty()).map(str::to_owned)
    };
    let driver = text(&network, "driver").unwrap_or_else(|| "bridge".to_owned());
    if driver != "bridge" {
        return Err(refused(format!("unsupported driver: {driver}")));
    }
    let interface = interface(text(&network, "network_interface"), &used, &options)?;
    let name = text(&network, "name").unwrap_or_else(|| interface.clone());
    check_name(&name, &used)?;
    let id = text(&network, "id").unwrap_or_else(|| hex(&random::<32>()));
    let subnets = subnets(&network, &used, &options)?;
    let ipv6 = network.get("ipv6_enabled") == Some(&json!(true))
        || subnets.iter().any(|it| it.subnet.is_ipv6());
    let subnets = subnets.iter().map(Subnet::document);
    let created = network.remove("created").filter(|it| !it.is_null());
    for (key, value) in [
        ("name", name.into()),
        ("id", id.into()),
        ("driver", driver.into()),
        ("network_interface", interface.into()),
        ("subnets", subnets.collect()),
        ("ipv6_enabled", ipv6.into()),
        (
            "created",
            created.unwrap_or_else(|| jiff::Timestamp::now().to_string().into()),
        ),
    ] {
        network.insert(key.to_owned(), value);
    }
    for (key, value) in [
        ("internal", json!(false)),
        ("dns_enabled", json!(false)),
        ("ipam_options", json!({"driver": "host-local"})),
    ] {
        let place = network.entry(key).or_insert(Value::Null);
        if place.is_null() {
            *place = value;
        }
    }
    let described = serde_json::from_value(network.clone().into());
    let described = described.map_err(|source| NetavarkError::Read { source })?;
    super::network::check(network["name"].as_str().unwrap_or_default(), &described)?;
    Ok(network.into())
}

struct Subnet {
    subnet: Cidr,
    gateway: Option<IpAddr>,
    lease_range: Option<Value>,
}

impl Subnet {
    fn document(&self) -> Value {
        let mut document = json!({"subnet": self.subnet.to_string()});
        if let Some(gateway) = self.gateway {
            document["gateway"] = gateway.to_string().into();
        }
        if let Some(range) = &self.lease_range {
            document["lease_range"] = range.clone();
        }
        document
    }
}

fn interface(
    asked: Option<String>,
    used: &Used,
    options: &Options,
) -> Result<String, NetavarkError> {
    match asked {
        None => {
            let base = options.default_interface_name.as_deref();
            let base = base.filter(|it| !it.is_empty()).unwrap_or(FIRST_FREE);
            let base = base.trim_end_matches(|it: char| it.is_ascii_digit());
            let mut names = (1..).map(|number| format!("{base}{number}"));
            let free = names.find(|it| !used.interfaces.contains(it));
            Ok(free.expect("there are more numbers than interfaces"))
        }
        Some(name) if used.interfaces.contains(&name) => {
            Err(refused(format!("bridge name {name} already in use")))
        }
        Some(name) => match name.parse::<IfName>() {
            Ok(_) => Ok(name),
            Err(error) => Err(refused(error.to_string())),
        },
    }
}

/// podman's rule, `[a-zA-Z0-9][a-zA-Z0-9_.-]*`; it knows its own error by "network already exists".
fn check_name(name: &str, used: &Used) -> Result<(), NetavarkError> {
    let plain = |it: char| it.is_ascii_alphanumeric() || "_.-".contains(it);
    if !name.starts_with(|it: char| it.is_ascii_alphanumeric()) || !name.chars().all(plain) {
        return Err(refused(format!(
            "network name {name} invalid: names must match [a-zA-Z0-9][a-zA-Z0-9_.-]*: invalid argument"
        )));
    }
    match used.names.contains_key(name) {
        true => Err(refused(format!("network already exists {name}"))),
        false => Ok(()),
    }
}

fn subnets(
    network: &Map<String, Value>,
    used: &Used,
    options: &Options,
) -> Result<Vec<Subnet>, NetavarkError> {
    let given = network.get("subnets").and_then(Value::as_array);
    let internal = network.get("internal") == Some(&json!(true));
    let dns = network.get("dns_enabled") == Some(&json!(true));
    let with_gateway = !internal || dns;
    let mut subnets: Vec<Subnet> = Vec::new();
    for given in given.into_iter().flatten() {
        let subnet = read_subnet(given, with_gateway)?;
        let taken = used.subnets.iter().any(|it| overlap(*it, subnet.subnet));
        if taken && options.check_used_subnets {
            let text = subnet.subnet;
            return Err(refused(format!(
                "subnet {text} is already used on the host or by another config"
            )));
        }
        if subnets.iter().any(|it| overlap(it.subnet, subnet.subnet)) {
            return Err(refused(format!("overlapping subnets: {}", subnet.subnet)));
        }
        subnets.push(subnet);
    }
    let ipv6 = network.get("ipv6_enabled") == Some(&json!(true));
    let found = |subnet: Cidr| Subnet {
        subnet,
        gateway: with_gateway.then(|| first(subnet)),
        lease_range: None,
    };
    let of_family = |v4: bool| subnets.iter().any(|it| it.subnet.is_ipv4() == v4);
    let (v4, v6) = (of_family(true), of_family(false));
    if !v4 && !v6 {
        let mut free = options
            .subnet_pools
            .iter()
            .filter_map(|pool| pool.free(used));
        let free = free
            .next()
            .ok_or_else(|| refused("could not find free subnet from subnet pools".to_owned()))?;
        subnets.push(found(free));
    }
    if ipv6 && !v6 {
        let [a, b, c, d, e, f, g] = random();
        let bits = u128::from_be_bytes([0xfd, a, b, c, d, e, f, g, 0, 0, 0, 0, 0, 0, 0, 0]);
        let subnet = Cidr::new(Ipv6Addr::from_bits(bits).into(), 64);
        subnets.push(found(subnet.expect("64 is within an IPv6 address")));
    }
    Ok(subnets)
}

fn read_subnet(given: &Value, with_gateway: bool) -> Result<Subnet, NetavarkError> {
    let text = given["subnet"].as_str().unwrap_or_default();
    let subnet: Cidr = text
        .parse()
        .map_err(|_| refused(format!("invalid subnet {text:?}")))?;
    let subnet = Cidr::new(subnet.network(), subnet.prefix()).unwrap_or(subnet);
    let within = |what: &str, value: &Value| match value.as_str().filter(|it| !it.is_empty()) {
        None => Ok(None),
        Some(text) => match text.parse::<IpAddr>() {
            Ok(address) if subnet.contains(address) => Ok(Some(address)),
            _ => Err(refused(format!("{what} {text} not in subnet {subnet}"))),
        },
    };
    let gateway = within("gateway", &given["gateway"])?;
    let range = &given["lease_range"];
    within("lease range start", &range["start_ip"])?;
    within("lease range end", &range["end_ip"])?;
    Ok(Subnet {
        subnet,
        gateway: gateway.or_else(|| with_gateway.then(|| first(subnet))),
        lease_range: Some(range.clone()).filter(|it| !it.is_null()),
    })
}

impl Pool {
    /// The first subnet of it that nobody has.
    fn free(&self, used: &Used) -> Option<Cidr> {
        let IpAddr::V4(base) = self.base.network() else {
            return None;
        };
        let step = 1_u32.checked_shl(32_u32.checked_sub(self.size.into())?)?;
        let count = 1_u32.checked_shl(self.size.checked_sub(self.base.prefix())?.into())?;
        let mut subnets = (0..count).filter_map(|number| {
            let network = base.to_bits().checked_add(number.checked_mul(step)?)?;
            Cidr::new(IpAddr::V4(network.into()), self.size).ok()
        });
        let taken: BTreeSet<Cidr> = used.subnets.iter().copied().collect();
        subnets.find(|subnet| !taken.iter().any(|it| overlap(*it, *subnet)))
    }
}

fn overlap(one: Cidr, other: Cidr) -> bool {
    one.contains(other.network()) || other.contains(one.network())
}

/// The first address after the network's own.
fn first(subnet: Cidr) -> IpAddr {
    match subnet.network() {
        IpAddr::V4(network) => IpAddr::V4((network.to_bits() | 1).into()),
        IpAddr::V6(network) => IpAddr::V6((network.to_bits() | 1).into()),
    }
}

fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).expect("the kernel's random source is ready once user space runs");
    bytes
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|it| format!("{it:02x}")).collect()
}

fn refused(message: String) -> NetavarkError {
    NetavarkError::Refused(message)
}

#[cfg(test)]
mod tests;
