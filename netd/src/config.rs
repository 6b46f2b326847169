//! What the daemon is told: flags, and a file for the same things.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use clap::{ArgAction, Parser, ValueEnum};
use rnet_ipam::{Pool, Pools};
use rnet_model::Cidr;
use rnet_registry::Reach;
use serde::Deserialize;

use crate::daemon::{DefaultBridge, LogDefaults, check_log};
use crate::remote::PluginSettings;

mod bridge;
mod hosts;

pub use hosts::{Host, Tls};

/// The container networking daemon.
///
/// It serves an API in the shape of the Docker Engine API on a unix socket. A flag wins over the configuration
/// file, and the file over the defaults shown here. Several daemons can run on one machine, each in a network
/// namespace of its own, with directories, a socket and a cgroup parent of its own.
#[derive(Parser, Debug)]
#[command(name = "netd", version)]
pub struct Flags {
    /// Configuration file (TOML); its keys are the names of the flags, with `default-network-opts` a table of tables,
    /// and `default-address-pools` beside
    #[arg(long, value_name = "FILE", env = "NETD_CONFIG")]
    config: Option<PathBuf>,
    #[command(flatten)]
    options: Options,
}

/// What flags and file can both say.
#[derive(clap::Args, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
struct Options {
    /// Directory for what survives a reboot: networks, containers, images [default: /var/lib/rnet]
    #[arg(long, value_name = "DIR")]
    state_dir: Option<PathBuf>,
    /// Directory for what does not, best on a tmpfs: sandboxes, sockets [default: /run/rnet]
    #[arg(long, value_name = "DIR")]
    run_dir: Option<PathBuf>,
    /// Where to serve the API; several times for several places [default: unix://RUN_DIR/rnet.sock]
    #[arg(long, short = 'H', value_name = "unix://PATH|tcp://ADDRESS:PORT")]
    #[serde(deserialize_with = "hosts::one_or_many")]
    host: Vec<String>,
    /// Whether clients over TCP must show a certificate that --tlscacert vouches for [default: false]
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", action = ArgAction::Set)]
    tlsverify: Option<bool>,
    /// The certificates of those who vouch for clients
    #[arg(long, value_name = "FILE")]
    tlscacert: Option<PathBuf>,
    /// The certificate that is shown to clients
    #[arg(long, value_name = "FILE")]
    tlscert: Option<PathBuf>,
    /// Its private key
    #[arg(long, value_name = "FILE")]
    tlskey: Option<PathBuf>,
    /// Whether everyone who reaches a TCP host may do as root does [default: false]
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", action = ArgAction::Set)]
    unsafe_plain_tcp: Option<bool>,
    /// Where dockerd finds rnet as a driver of networks and addresses; `none` leaves it out
    /// [default: /run/docker/plugins/rnet.sock]
    #[arg(long, value_name = "PATH")]
    plugin_socket: Option<PathBuf>,
    /// A directory where plugins of others are found as drivers: NAME.sock, NAME.spec or NAME.json, in it or in NAME/; several
    /// times for several, in their order [default: /run/docker/plugins, /etc/docker/plugins, /usr/lib/docker/plugins]
    #[arg(long, value_name = "DIR")]
    plugin_dir: Vec<PathBuf>,
    /// How many seconds a call of a plugin may take [default: 30]
    #[arg(long, value_name = "SECONDS")]
    plugin_timeout: Option<u32>,
    /// The containers' monitor program [default: rnet-shim beside netd]
    #[arg(long, value_name = "FILE")]
    shim: Option<PathBuf>,
    /// The cgroup that the containers' cgroups are made in [default: rnet]
    #[arg(long, value_name = "NAME")]
    cgroup_parent: Option<String>,
    /// The interface of the predefined network "bridge"; a bridge of that name that is there is used, and `none` leaves
    /// the network out [default: rnet0]
    #[arg(long, value_name = "NAME")]
    bridge: Option<String>,
    /// What enforces isolation and publishes ports [default: nftables]
    #[arg(long, value_name = "BACKEND")]
    firewall: Option<FirewallBackend>,
    /// The IPv4 address of the predefined bridge, with its prefix length
    #[arg(long, value_name = "CIDR")]
    bip: Option<Cidr>,
    /// The IPv6 address of the predefined bridge, with its prefix length
    #[arg(long, value_name = "CIDR")]
    bip6: Option<Cidr>,
    /// The part of the predefined bridge's IPv4 subnet that containers get addresses from
    #[arg(long, value_name = "CIDR")]
    fixed_cidr: Option<Cidr>,
    /// The same of its IPv6 subnet
    #[arg(long, value_name = "CIDR")]
    fixed_cidr_v6: Option<Cidr>,
    /// The IPv4 gateway of containers on the predefined bridge, where it is not the bridge
    #[arg(long, value_name = "ADDRESS")]
    default_gateway: Option<IpAddr>,
    /// The same for IPv6
    #[arg(long, value_name = "ADDRESS")]
    default_gateway_v6: Option<IpAddr>,
    /// Whether the predefined bridge has IPv6 [default: false]
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", action = ArgAction::Set)]
    ipv6: Option<bool>,
    /// The MTU of the predefined bridge [default: that of the way out]
    #[arg(long, value_name = "BYTES")]
    mtu: Option<u32>,
    /// Whether containers on the predefined bridge may talk to each other [default: true]
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", action = ArgAction::Set)]
    icc: Option<bool>,
    /// Whether what leaves the predefined bridge takes the host's address [default: true]
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", action = ArgAction::Set)]
    ip_masq: Option<bool>,
    /// The host's address that containers on the predefined bridge publish ports on [default: all]
    #[arg(long, value_name = "ADDRESS")]
    ip: Option<IpAddr>,
    /// An option that every new network of a driver gets unless it has it, as DRIVER=LABEL=VALUE
    #[arg(long = "default-network-opt", value_name = "DRIVER=LABEL=VALUE", value_parser = network_option)]
    #[serde(skip)]
    network_options: Vec<(String, String, String)>,
    /// The same, by driver, then by label; in the file only
    #[arg(skip)]
    default_network_opts: BTreeMap<String, BTreeMap<String, String>>,
    /// How the output of containers is kept that do not say: json-file, local or none [default: json-file]
    #[arg(long, value_name = "DRIVER")]
    log_driver: Option<String>,
    /// An option of containers with that driver that do not give it themselves, such as max-size=10m
    #[arg(long, value_name = "KEY=VALUE", value_parser = key_value)]
    #[serde(skip)]
    log_opt: Vec<(String, String)>,
    /// The same in the file
    #[arg(skip)]
    log_opts: BTreeMap<String, String>,
    /// A range that automatic subnets are cut from, and their prefix length; several times for several ranges, in
    /// their order [default: 172.17.0.0/16 in one piece, then /24s of 172.18.0.0-172.30.255.255, 192.168.128.0/17
    /// and 198.18.0.0/15; IPv6 /64s of a unique local /48 of this machine's own]
    #[arg(long, value_name = "base=CIDR,size=PREFIX")]
    #[serde(skip)]
    default_address_pool: Vec<Pool>,
    /// The same in the file
    #[arg(skip)]
    default_address_pools: Option<Pools>,
    /// A registry that may be reached without TLS, or by a certificate that cannot be verified; several times for several.
    /// Those on this machine's loopback may anyway
    #[arg(long, value_name = "HOST[:PORT]")]
    #[serde(skip)]
    insecure_registry: Vec<String>,
    /// The same in the file
    #[arg(skip)]
    insecure_registries: Vec<String>,
}

/// The packet filter that rnet's rules are written for.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Deserialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum FirewallBackend {
    /// A table of rnet's own, which costs the same at any size
    #[default]
    Nftables,
    /// Chains among those of a host whose own rules are iptables'
    Iptables,
}

/// What flags, file and defaults come to.
#[derive(Debug)]
pub struct Config {
    /// Where what survives a reboot is kept.
    pub state_dir: PathBuf,
    /// Where what does not is kept.
    pub run_dir: PathBuf,
    /// Where the API is served.
    pub hosts: Vec<Host>,
    /// What clients over TCP are judged by; without it, everyone is let in.
    pub tls: Option<Tls>,
    /// The socket dockerd is served on, if it is.
    pub plugin_socket: Option<PathBuf>,
    /// Where plugins of others are, and how long they are waited for.
    pub plugins: PluginSettings,
    /// The containers' monitor program.
    pub shim: PathBuf,
    /// The containers' parent cgroup.
    pub cgroup_parent: String,
    /// The predefined `bridge` network.
    pub bridge: DefaultBridge,
    /// Options for every new network of a driver.
    pub network_options: BTreeMap<String, BTreeMap<String, String>>,
    /// How the output of containers is kept that do not say.
    pub log: LogDefaults,
    /// What enforces the policy.
    pub firewall: FirewallBackend,
    /// Where automatic subnets come from.
    pub pools: Pools,
    /// How registries of images are reached.
    pub registries: Reach,
}

impl Flags {
    /// Reads the file, if one is named, and settles every question.
    pub fn settle(self) -> Result<Config> {
        let mut file = self
            .config
            .as_deref()
            .map(read)
            .transpose()?
            .unwrap_or_default();
        let mut flags = self.options;
        let bridge = bridge::settle(&flags, &file)?;
        let run_dir = flags.run_dir.take().or(file.run_dir.take());
        let run_dir = run_dir.unwrap_or_else(|| "/run/rnet".into());
        let (hosts, tls) = hosts::settle(&mut flags, &mut file, &run_dir)?;
        let plugin_socket = flags
            .plugin_socket
            .or(file.plugin_socket)
            .unwrap_or_else(|| "/run/docker/plugins/rnet.sock".into());
        let plugin_socket = Some(plugin_socket).filter(|it| it.as_os_str() != "none");
        let mut plugins = PluginSettings {
            own_socket: plugin_socket.clone(),
            ..PluginSettings::dockers()
        };
        for directories in [file.plugin_dir, flags.plugin_dir] {
            if !directories.is_empty() {
                plugins.directories = directories;
            }
        }
        if let Some(seconds) = flags.plugin_timeout.or(file.plugin_timeout) {
            plugins.deadline = Duration::from_secs(seconds.into());
        }
        let cgroup_parent = flags.cgroup_parent.or(file.cgroup_parent);
        Ok(Config {
            state_dir: flags
                .state_dir
                .or(file.state_dir)
                .unwrap_or_else(|| "/var/lib/rnet".into()),
            run_dir,
            hosts,
            tls,
            plugin_socket,
            plugins,
            shim: flags.shim.or(file.shim).map_or_else(beside_me, Ok)?,
            cgroup_parent: cgroup_parent.unwrap_or_else(|| "rnet".to_owned()),
            bridge,
            network_options: bridge::network_options(
                flags.network_options,
                file.default_network_opts,
            ),
            log: log(
                flags.log_driver.or(file.log_driver),
                file.log_opts.into_iter().chain(flags.log_opt),
            )?,
            firewall: flags.firewall.or(file.firewall).unwrap_or_default(),
            pools: match flags.default_address_pool {
                none if none.is_empty() => file.default_address_pools.unwrap_or_default(),
                pools => Pools::new(pools)?,
            },
            registries: Reach {
                insecure: match flags.insecure_registry {
                    none if none.is_empty() => file.insecure_registries,
                    registries => registries,
                },
                ..Reach::default()
            },
        })
    }
}

fn read(path: &Path) -> Result<Options> {
    let text = std::fs::read_to_string(path)
        .with_context(|| format!("cannot read configuration file {}", path.display()))?;
    toml::from_str(&text).with_context(|| format!("invalid configuration file {}", path.display()))
}

fn log(
    driver: Option<String>,
    options: impl Iterator<Item = (String, String)>,
) -> Result<LogDefaults> {
    let driver = driver.unwrap_or_else(|| LogDefaults::default().driver);
    let options: BTreeMap<_, _> = options.collect();
    let given = options.clone().into_iter().collect();
    check_log(&driver, &given).context("invalid log-driver or log-opt")?;
    Ok(LogDefaults { driver, options })
}

fn key_value(text: &str) -> Result<(String, String), String> {
    let pair = text.split_once('=').ok_or("write KEY=VALUE")?;
    Ok((pair.0.to_owned(), pair.1.to_owned()))
}

fn network_option(text: &str) -> Result<(String, String, String), String> {
    let parts: Vec<&str> = text.splitn(3, '=').collect();
    match parts[..] {
        [driver, label, value] => Ok((driver.to_owned(), label.to_owned(), value.to_owned())),
        _ => Err("write DRIVER=LABEL=VALUE".to_owned()),
    }
}

fn beside_me() -> Result<PathBuf> {
    let me = std::env::current_exe().context("cannot find out where netd itself is")?;
    Ok(me.with_file_name("rnet-shim"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settle(arguments: &[&str]) -> Result<Config> {
        Flags::try_parse_from(std::iter::once(&"netd").chain(arguments))?.settle()
    }

    #[test]
    fn a_flag_wins_over_the_file_and_the_file_over_the_default() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("netd.toml");
        let text = "state-dir = '/from/file'\nbridge = 'filebr'\nfirewall = 'iptables'\n\
                    default-address-pools = [{ base = '10.200.0.0/16', size = 24 }]\n";
        std::fs::write(&file, text).unwrap();
        let file = file.to_str().unwrap();
        let config = settle(&["--config", file, "--bridge", "flagbr", "--run-dir", "/r"]).unwrap();
        assert_eq!(config.state_dir, Path::new("/from/file"));
        let name = &config.bridge.request.options["com.docker.network.bridge.name"];
        assert_eq!(name, "flagbr");
        assert_eq!(config.firewall, FirewallBackend::Iptables);
        assert_eq!(config.hosts, [Host::Unix("/r/rnet.sock".into())]);
        assert_eq!(config.cgroup_parent, "rnet");
        let dockers = config.plugin_socket.unwrap();
        assert_eq!(dockers, Path::new("/run/docker/plugins/rnet.sock"));
        let without = settle(&["--plugin-socket", "none"]).unwrap();
        assert_eq!(without.plugin_socket, None);
        let pools = |base: &str| {
            let pool = format!("base={base},size=24").parse().unwrap();
            Pools::new(vec![pool]).unwrap()
        };
        assert_eq!(config.pools, pools("10.200.0.0/16"));
        let flag = ["--default-address-pool", "base=10.9.0.0/16,size=24"];
        let config = settle(&[&["--config", file][..], &flag].concat()).unwrap();
        assert_eq!(config.pools, pools("10.9.0.0/16"));
        assert_eq!(settle(&[]).unwrap().pools, Pools::default());
        let flags = ["--insecure-registry", "a:5000", "--insecure-registry", "b"];
        assert_eq!(settle(&flags).unwrap().registries.insecure, ["a:5000", "b"]);
    }

    #[test]
    fn pools_that_cannot_be_are_refused_with_the_reason() {
        let flag = |text: &str| settle(&["--default-address-pool", text]).unwrap_err();
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("netd.toml");
        let text = "default-address-pools = [{ base = '10.200.0.0/16', size = 12 }]\n";
        std::fs::write(&file, text).unwrap();
        let in_file = settle(&["--config", file.to_str().unwrap()]).unwrap_err();
        for (error, words) in [
            (flag("10.0.0.0/8"), "write base=CIDR,size=PREFIX"),
            (flag("base=10.0.0.1/8,size=24"), "it should be 10.0.0.0/8"),
            (in_file, "the size 12 of its subnets must be from 16 to 30"),
        ] {
            let message = format!("{error:#}");
            assert!(message.contains(words), "{message}");
        }
    }

    #[test]
    fn what_is_not_understood_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("netd.toml");
        std::fs::write(&file, "state_dir = '/x'\n").unwrap();
        assert!(settle(&["--config", file.to_str().unwrap()]).is_err());
        assert!(settle(&["--firewall", "pf"]).is_err());
    }

    #[test]
    fn tcp_is_served_to_who_is_vouched_for_unless_everyone_is_meant() {
        let tcp = ["-H", "tcp://192.0.2.1:2376", "-H", "unix:///s"];
        let with = |more: &[&str]| settle(&[&tcp[..], more].concat());
        let files = ["--tlscacert", "/ca", "--tlscert", "/c", "--tlskey", "/k"];
        let verify = [&["--tlsverify"][..], &files].concat();
        let config = with(&verify).unwrap();
        assert_eq!(config.hosts.len(), 2);
        assert_eq!(config.tls.unwrap().ca, Path::new("/ca"));
        assert_eq!(with(&["--unsafe-plain-tcp"]).unwrap().tls, None);
        for refused in [
            &[][..],
            &["--tlsverify"],
            &["--tlsverify", "--tlscert", "/c", "--tlskey", "/k"],
            &["--tlsverify=false"],
            &files,
            &[&verify[..], &["--unsafe-plain-tcp"]].concat(),
        ] {
            assert!(with(refused).is_err(), "{refused:?}");
        }
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("netd.toml");
        std::fs::write(
            &file,
            "host = ['unix:///a', 'tcp://lab']\nunsafe-plain-tcp = true\n",
        )
        .unwrap();
        let config = settle(&["--config", file.to_str().unwrap()]).unwrap();
        assert_eq!(config.hosts[1], Host::Tcp("lab:2376".into()));
    }
}
