//! The options that `run` and `create` share: what a container is to be.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::PathBuf;

use clap::{ArgAction, Args};
use rnet_model::{ContainerLink, MacAddress};

use super::disks::Disks;
use super::life::Life;
use super::limits::Limits;
use super::security::Security;
use crate::image::transfer::When;
use crate::parse::attachment::Attachment;
use crate::parse::device::Ulimit;
use crate::parse::host_entry::HostEntry;
use crate::parse::mount::Mount;
use crate::parse::pair::Pair;
use crate::parse::ports::{Expose, Publish};
use crate::parse::units::Bytes;
use crate::parse::volume::{Bind, Tmpfs};

/// What a container is to be.
#[derive(Args)]
#[command(disable_help_flag = true)]
pub(crate) struct Options {
    /// Print help
    #[arg(long, action = ArgAction::Help)]
    help: Option<bool>,

    /// Name the container
    #[arg(long)]
    pub(crate) name: Option<String>,
    /// Remove the container when it ends
    #[arg(long = "rm")]
    pub(crate) remove: bool,
    /// Keep its standard input open, and forward ours when attached
    #[arg(short, long)]
    pub(crate) interactive: bool,
    /// Give it a terminal
    #[arg(short, long)]
    pub(crate) tty: bool,
    /// Set metadata
    #[arg(short, long, value_name = "KEY=VALUE")]
    pub(crate) label: Vec<Pair>,
    /// When to pull the image
    #[arg(long, value_enum, default_value_t)]
    pub(crate) pull: When,
    /// Use the image for this platform, OS/ARCHITECTURE[/VARIANT]
    #[arg(long, value_name = "PLATFORM")]
    pub(crate) platform: Option<String>,
    /// Do not tell how far the pulling is
    #[arg(short, long)]
    pub(crate) quiet: bool,
    /// Read metadata from a file, one KEY=VALUE per line
    #[arg(long, value_name = "FILE")]
    pub(crate) label_file: Vec<PathBuf>,
    /// Set metadata for the runtime
    #[arg(long, value_name = "KEY=VALUE")]
    pub(crate) annotation: Vec<Pair>,
    /// Write its id to a file, which must not exist
    #[arg(long, value_name = "FILE")]
    pub(crate) cidfile: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) process: Process,
    #[command(flatten)]
    pub(crate) network: NetworkOptions,
    #[command(flatten)]
    pub(crate) resources: Resources,
    #[command(flatten)]
    pub(crate) security: Security,
    #[command(flatten)]
    pub(crate) life: Life,

    /// The image, then the command to run in it and its arguments
    #[arg(
        required = true,
        trailing_var_arg = true,
        help_heading = "Arguments",
        value_names = ["IMAGE", "COMMAND"]
    )]
    pub(crate) image_and_command: Vec<String>,
}

/// What runs in the container, and as whom.
#[derive(Args)]
#[command(next_help_heading = "Process")]
pub(crate) struct Process {
    /// Set a variable; a bare NAME takes its value from here
    #[arg(short, long, value_name = "NAME[=VALUE]")]
    pub(crate) env: Vec<String>,
    /// Read variables from a file, one NAME=VALUE per line
    #[arg(long, value_name = "FILE")]
    pub(crate) env_file: Vec<PathBuf>,
    /// Start in this directory
    #[arg(short, long, value_name = "DIRECTORY")]
    pub(crate) workdir: Option<String>,
    /// Run as this user
    #[arg(short, long, value_name = "USER[:GROUP]")]
    pub(crate) user: Option<String>,
    /// Run this in front of the command, instead of the image's entry point
    #[arg(long, value_name = "COMMAND")]
    pub(crate) entrypoint: Option<String>,
    /// Run a small first process before it, which passes on signals and waits for orphans
    #[arg(long)]
    pub(crate) init: bool,
    /// Stop it by this signal [default: TERM]
    #[arg(long, value_name = "SIGNAL")]
    pub(crate) stop_signal: Option<String>,
    /// Kill it if it has not stopped after so many seconds [default: 10]
    #[arg(long, value_name = "SECONDS")]
    pub(crate) stop_timeout: Option<i64>,
}

/// Where on the network the container is.
#[derive(Args)]
#[command(next_help_heading = "Network")]
pub(crate) struct NetworkOptions {
    /// Attach to a network, `host`, `none` or `container:NAME`; or
    /// name=NAME,ip=…,ip6=…,link-local-ip=…,alias=…,link=…,mac-address=…,gw-priority=…,driver-opt=KEY=VALUE
    #[arg(long, alias = "net", value_name = "NETWORK")]
    pub(crate) network: Vec<Attachment>,
    /// Use this address on the first network
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) ip: Option<Ipv4Addr>,
    /// Use this IPv6 address on the first network
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) ip6: Option<Ipv6Addr>,
    /// Use this link-local address on the first network as well
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) link_local_ip: Vec<IpAddr>,
    /// Give it another name on the first network
    #[arg(long, alias = "net-alias", value_name = "NAME")]
    pub(crate) network_alias: Vec<String>,
    /// Let it call another container on the first network so; nobody else does
    #[arg(long, value_name = "CONTAINER[:ALIAS]")]
    pub(crate) link: Vec<ContainerLink>,
    /// Use this MAC address on the first network
    #[arg(long, value_name = "MAC")]
    pub(crate) mac_address: Option<MacAddress>,
    /// Publish a port: [[ADDRESS:]HOST_PORT:]PORT[/tcp|udp|sctp], ranges as FIRST-LAST;
    /// for some clients only: …,from=PREFIX
    #[arg(short, long, value_name = "PORT")]
    pub(crate) publish: Vec<Publish>,
    /// Publish every exposed port on a free port of the host
    #[arg(short = 'P', long)]
    pub(crate) publish_all: bool,
    /// Expose a port or a range of ports
    #[arg(long, value_name = "PORT[/PROTOCOL]")]
    pub(crate) expose: Vec<Expose>,
    /// Name the container's host
    #[arg(short = 'h', long)]
    pub(crate) hostname: Option<String>,
    /// Name the domain of the container's host
    #[arg(long, value_name = "NAME")]
    pub(crate) domainname: Option<String>,
    /// Set a variable of the kernel for its namespaces, for instance net.ipv4.ip_forward=1
    #[arg(long, value_name = "NAME=VALUE")]
    pub(crate) sysctl: Vec<Pair>,
    /// Ask this DNS server
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) dns: Vec<IpAddr>,
    /// Complete names with this domain
    #[arg(long, value_name = "DOMAIN")]
    pub(crate) dns_search: Vec<String>,
    /// Set an option of the resolver
    #[arg(long, alias = "dns-opt", value_name = "OPTION")]
    pub(crate) dns_option: Vec<String>,
    /// Add a line to /etc/hosts; ADDRESS may be `host-gateway`
    #[arg(long, value_name = "NAME:ADDRESS")]
    pub(crate) add_host: Vec<HostEntry>,
}

/// What the container may use of the host.
#[derive(Args)]
#[command(next_help_heading = "Resources")]
pub(crate) struct Resources {
    #[command(flatten)]
    pub(crate) limits: Limits,
    #[command(flatten)]
    pub(crate) disks: Disks,
    /// Have its memory swapped out so readily, 0 to 100
    #[arg(long, value_name = "NUMBER", allow_hyphen_values = true)]
    pub(crate) memory_swappiness: Option<i64>,
    /// Let its processes wait for memory at the limit instead of ending them
    #[arg(long)]
    pub(crate) oom_kill_disable: bool,
    /// Make its control group below this one
    #[arg(long, value_name = "GROUP")]
    pub(crate) cgroup_parent: Option<String>,
    /// Limit each of its processes, for instance nofile=1024:2048
    #[arg(long, value_name = "NAME=SOFT[:HARD]")]
    pub(crate) ulimit: Vec<Ulimit>,
    /// Let its processes be ended sooner or later than others when memory is short, -1000 to 1000
    #[arg(long, value_name = "NUMBER", allow_hyphen_values = true)]
    pub(crate) oom_score_adj: Option<i64>,
    /// Make its /dev/shm so large [default: 64m]
    #[arg(long, value_name = "BYTES")]
    pub(crate) shm_size: Option<Bytes>,
    /// Let it not write to its root file system
    #[arg(long)]
    pub(crate) read_only: bool,
    /// Mount a file system in memory
    #[arg(long, value_name = "PATH[:OPTIONS]")]
    pub(crate) tmpfs: Vec<Tmpfs>,
    /// Show a volume or a path of the host in the container
    #[arg(short, long, value_name = "[SOURCE:]TARGET[:OPTIONS]")]
    pub(crate) volume: Vec<Bind>,
    /// The same by key: type=bind|volume|tmpfs,source=…,target=…,readonly,bind-propagation=rprivate,volume-nocopy,
    /// volume-label=KEY=VALUE,tmpfs-size=BYTES,tmpfs-mode=OCTAL
    #[arg(long, value_name = "KEY=VALUE,…")]
    pub(crate) mount: Vec<Mount>,
    /// Show the volumes of another container in this one
    #[arg(long, value_name = "CONTAINER[:ro]")]
    pub(crate) volumes_from: Vec<String>,
}
