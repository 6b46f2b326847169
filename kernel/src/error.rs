//! What can go wrong between rnet and the kernel.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

use nix::sys::resource::{self, getrlimit};
use rnet_model::{Cidr, IfName, Place, Protocol, Resource, SandboxId};

use crate::Refusal;

/// An operation that failed, with its object.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KernelError {
    /// No socket to netfilter could be opened, or nf_tables is not behind it.
    #[error(
        "cannot speak with nf_tables: CAP_NET_ADMIN and a kernel that has it (CONFIG_NF_TABLES) are needed; \
         isolation and published ports can do without by netd --firewall iptables, containers' names cannot"
    )]
    OpenNetfilter {
        /// The kernel's answer.
        #[source]
        source: std::io::Error,
    },

    /// Nobody tells what others do to the packet filter.
    #[error(
        "cannot watch the packet filter: rules that others remove stay away until netd starts again"
    )]
    WatchNetfilter {
        /// The kernel's answer.
        #[source]
        source: std::io::Error,
    },

    /// The kernel refused a change of the packet filter, so nothing of its transaction was done.
    #[error("nftables refused to {operation} (table {table})")]
    Nftables {
        /// The operation that was refused.
        operation: String,
        /// The table it was about.
        table: &'static str,
        /// The kernel's answer.
        #[source]
        source: std::io::Error,
    },

    /// A program of iptables cannot be run.
    #[error(
        "cannot run {program}: {cause}; install it (Debian, Ubuntu: apt install iptables), or start netd with --firewall nftables"
    )]
    NoIptables {
        /// The program.
        program: String,
        /// Why not.
        cause: String,
    },

    /// A program of iptables refused; no table is left half changed.
    #[error("{program} refused to {operation}: {complaint}")]
    Iptables {
        /// The program.
        program: String,
        /// What it was to do.
        operation: String,
        /// What it said.
        complaint: String,
    },

    /// The kernel has not all that iptables' rules are made of.
    #[error(
        "{program} finds this kernel without {parts}: load the modules or build them in, or start netd with --firewall nftables ({complaint})"
    )]
    IptablesLacks {
        /// The program.
        program: String,
        /// What is missing, with the modules' names.
        parts: String,
        /// What it said.
        complaint: String,
    },

    /// A name that iptables reads as something else than a name.
    #[error(
        "iptables cannot tell interface {name} from others: rename it without quotes, '+', '#', '\\', or '!' or '-' in the beginning"
    )]
    UnsayableName {
        /// The interface.
        name: IfName,
    },

    /// A port cannot be published to an address of another family.
    #[error("cannot publish {ports} to {target}: both must be IPv4 or both IPv6")]
    PublishAcrossFamilies {
        /// The host's side.
        ports: rnet_model::HostPorts,
        /// The sandbox's side.
        target: std::net::IpAddr,
    },

    /// No socket to rtnetlink could be opened.
    #[error("cannot open a socket to the kernel's network")]
    OpenRtnetlink {
        /// The kernel's answer.
        #[source]
        source: io::Error,
    },

    /// A resource could not be made, or brought to the wanted state.
    #[error("the kernel refused: {resource}")]
    Ensure {
        /// The resource; its text is the `ip` command that would make it.
        resource: Box<Resource>,
        /// The kernel's answer.
        #[source]
        source: Refusal,
    },

    /// A resource could not be removed.
    #[error("the kernel refused to undo: {resource}")]
    Remove {
        /// The resource; its text is the `ip` command that made it.
        resource: Box<Resource>,
        /// The kernel's answer.
        #[source]
        source: Refusal,
    },

    /// A link that nobody recorded could not be removed.
    #[error("the kernel refused to remove interface {name}")]
    RemoveLink {
        /// Its name.
        name: IfName,
        /// The kernel's answer.
        #[source]
        source: Refusal,
    },

    /// A link of somebody else has the wanted name.
    #[error(
        "interface {name} is in the way: it was not made by rnet; rename or delete it, or choose another name"
    )]
    Foreign {
        /// Its name.
        name: IfName,
    },

    /// A link in a sandbox has the wanted name.
    #[error(
        "the container has an interface {name} already: rename or delete it, or choose another name"
    )]
    NameTaken {
        /// The sandbox.
        sandbox: SandboxId,
        /// The name.
        name: IfName,
    },

    /// A link that rnet made is named as one of somebody else.
    #[error("interface {name} is rnet's own: it cannot be lent to rnet")]
    OwnLink {
        /// The link's name.
        name: IfName,
    },

    /// A route of somebody else leads to the wanted destination.
    #[error(
        "a route to {destination} is in the way: it was not made by rnet; delete it, or choose another subnet"
    )]
    ForeignRoute {
        /// Where it leads to.
        destination: Cidr,
    },

    /// A link that is needed is not there.
    #[error("there is no interface {name}{}", inside(.place))]
    NoLink {
        /// Where it was looked for.
        place: Place,
        /// Its name.
        name: IfName,
    },

    /// A link of the host that a network is to use as its bridge is none.
    #[error("interface {name} is no bridge: name a bridge, or a name that no interface has")]
    NoBridge {
        /// The link's name.
        name: IfName,
    },

    /// Changes of the host's way out cannot be noticed.
    #[error("cannot watch the way out of the host: the MTU of networks does not follow it")]
    WatchEgress {
        /// The kernel's answer.
        #[source]
        source: io::Error,
    },

    /// A sandbox has no network namespace, or has it no more.
    #[error("sandbox {} has no network namespace", .sandbox.short())]
    NoSandbox {
        /// The sandbox.
        sandbox: SandboxId,
    },

    /// The host's routes could not be listened to.
    #[error("cannot listen to changes of the host's routes")]
    WatchRoutes {
        /// Why not.
        #[source]
        source: io::Error,
    },

    /// The host's addresses could not be listened to.
    #[error("cannot listen to changes of the host's addresses")]
    WatchAddresses {
        /// Why not.
        #[source]
        source: io::Error,
    },

    /// What exists could not be listed.
    #[error("cannot list the {what} of the host")]
    List {
        /// What was to be listed.
        what: &'static str,
        /// The kernel's answer.
        #[source]
        source: Refusal,
    },

    /// The directory of the pins could not be made.
    #[error("cannot make directory {}: choose another run directory", .path.display())]
    MakeDirectory {
        /// Its path.
        path: PathBuf,
        /// The kernel's answer.
        #[source]
        source: io::Error,
    },

    /// No network namespace could be made.
    #[error("cannot make a network namespace for sandbox {}: CAP_SYS_ADMIN is needed, and room below user.max_net_namespaces", .sandbox.short())]
    MakeNamespace {
        /// The sandbox it was for.
        sandbox: SandboxId,
        /// The kernel's answer.
        #[source]
        source: io::Error,
    },

    /// A network namespace could not be pinned.
    #[error("cannot pin a network namespace at {}", .path.display())]
    PinNamespace {
        /// The pin.
        path: PathBuf,
        /// The kernel's answer.
        #[source]
        source: io::Error,
    },

    /// A pin could not be removed.
    #[error("cannot remove the pinned network namespace {}", .path.display())]
    UnpinNamespace {
        /// The pin.
        path: PathBuf,
        /// The kernel's answer.
        #[source]
        source: io::Error,
    },

    /// A pin could not be opened.
    #[error("cannot open the network namespace {}", .path.display())]
    OpenNamespace {
        /// The pin, or the daemon's own.
        path: PathBuf,
        /// The kernel's answer.
        #[source]
        source: io::Error,
    },

    /// A namespace that is to be a sandbox is the host's.
    #[error(
        "{} is the host's own network namespace: give that of a container or process that has one of its own", .path.display()
    )]
    HostNamespace {
        /// Where it was found.
        path: PathBuf,
    },

    /// The pins could not be listed.
    #[error("cannot list the pinned network namespaces in {}", .path.display())]
    ListPins {
        /// Their directory.
        path: PathBuf,
        /// The kernel's answer.
        #[source]
        source: io::Error,
    },

    /// A thread could not go into a sandbox.
    #[error("cannot enter the network namespace of sandbox {}", .sandbox.short())]
    EnterNamespace {
        /// The sandbox.
        sandbox: SandboxId,
        /// The kernel's answer.
        #[source]
        source: io::Error,
    },

    /// A thread could not come back from a sandbox.
    #[error("cannot go back to the host's network namespace")]
    GoHome {
        /// The kernel's answer.
        #[source]
        source: io::Error,
    },

    /// No thread could be started.
    #[error("cannot start a thread")]
    StartThread {
        /// The kernel's answer.
        #[source]
        source: io::Error,
    },

    /// A kernel variable could not be set.
    #[error("cannot set sysctl {key} to {value}{}", inside(.place))]
    SetSysctl {
        /// Where.
        place: Place,
        /// The path below /proc/sys.
        key: String,
        /// The wanted value.
        value: String,
        /// The kernel's answer.
        #[source]
        source: io::Error,
    },

    /// The neighbours of a sandbox's link could not be told of its addresses.
    #[error("cannot announce the addresses of interface {link}{}", inside(.place))]
    Announce {
        /// Where.
        place: Place,
        /// The link.
        link: IfName,
        /// The kernel's answer.
        #[source]
        source: io::Error,
    },

    /// A port of the host could not be reserved; in Docker's words.
    #[error("failed to bind host port {address}/{protocol}: {}", hindrance(.cause))]
    BindPort {
        /// The transport protocol.
        protocol: Protocol,
        /// The host's address and port.
        address: SocketAddr,
        /// The kernel's answer, which is all in the message.
        cause: io::Error,
    },

    /// Flows of datagrams could not be forgotten.
    #[error("cannot remove the flows of withdrawn ports from the connection tracking table")]
    ForgetFlows {
        /// The kernel's answer.
        #[source]
        source: io::Error,
    },

    /// The sockets of a sandbox's resolver could not be opened.
    #[error("cannot open the resolver's sockets in sandbox {}", .sandbox.short())]
    OpenResolver {
        /// The sandbox.
        sandbox: SandboxId,
        /// The kernel's answer.
        #[source]
        source: io::Error,
    },

    /// A socket could not be opened.
    #[error("cannot open a socket towards {peer}{}", inside(.place))]
    OpenSocket {
        /// Where it was to be.
        place: Place,
        /// What it was for.
        peer: SocketAddr,
        /// The kernel's answer.
        #[source]
        source: io::Error,
    },
}

/// Where something is, if it is not on the host.
fn inside(place: &Place) -> String {
    match place {
        Place::Host => String::new(),
        Place::Sandbox(sandbox) => format!(" in sandbox {}", sandbox.short()),
    }
}

/// What keeps a port from being bound, and what can be done.
fn hindrance(error: &io::Error) -> String {
    match error.raw_os_error() {
        Some(libc::EMFILE) => {
            return format!(
                "each published port takes an open file, and {} are the limit: \
                 raise it (LimitNOFILE= of netd's service, or ulimit -Hn)",
                open_files().map_or_else(|| "no more".to_owned(), |limit| limit.to_string()),
            );
        }
        Some(libc::ENFILE) => {
            return "the host has no room for more open files: raise sysctl fs.file-max".to_owned();
        }
        Some(libc::EPROTONOSUPPORT) => return "the kernel does not know this protocol".to_owned(),
        _ => {}
    }
    match error.kind() {
        io::ErrorKind::AddrInUse => "address already in use".to_owned(),
        io::ErrorKind::AddrNotAvailable => "the host does not have this address".to_owned(),
        io::ErrorKind::PermissionDenied => {
            "permission denied: CAP_NET_BIND_SERVICE is needed".to_owned()
        }
        _ => error.to_string(),
    }
}

/// How many files this process may have open.
fn open_files() -> Option<u64> {
    let (limit, _) = getrlimit(resource::Resource::RLIMIT_NOFILE).ok()?;
    Some(limit)
}
