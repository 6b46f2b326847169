//! A host with nothing but a loopback, whose relay leads to servers on its IPv4 loopback.

use std::collections::BTreeSet;
use std::io::ErrorKind;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream};
use std::os::fd::{AsRawFd, OwnedFd};
use std::process::Command;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use nix::libc::{BPF_K, BPF_RET};
use nix::sched::{CloneFlags, unshare};
use nix::sys::socket::{
    AddressFamily, SockFlag, SockType, SockaddrIn6, bind, setsockopt, socket, sockopt,
};
use rnet_model::{PortRange, Protocol, SandboxId};
use rnet_relay::{Passage, Relay};
use socket2::{SockFilter, SockRef};
use tokio::runtime::Runtime;

pub(crate) const SANDBOX: SandboxId = SandboxId::from_bytes([1; 32]);

pub(crate) struct Lab {
    pub(crate) relay: Relay,
    _tasks: Runtime,
}

/// Runs a test on a host of its own; skips it, aloud, without root.
pub(crate) fn lab(test: impl FnOnce(&Lab) + Send) {
    if !nix::unistd::geteuid().is_root() {
        eprintln!("SKIPPED: network namespaces need root");
        return;
    }
    let run = || {
        unshare(CloneFlags::CLONE_NEWNET).unwrap();
        ip("link set lo up");
        ip("address add 2001:db8::1/128 dev lo nodad");
        await_address("2001:db8::1");
        // its threads are in the namespace of the one that makes them
        let tasks = Runtime::new().unwrap();
        let relay = Relay::start(tasks.handle()).unwrap();
        test(&Lab {
            relay,
            _tasks: tasks,
        });
    };
    thread::scope(|scope| {
        if let Err(panic) = scope.spawn(run).join() {
            std::panic::resume_unwind(panic);
        }
    });
}

impl Lab {
    /// Leads ports to the IPv4 loopback, for everyone.
    pub(crate) fn lead(&self, protocol: Protocol, sockets: &Arc<[OwnedFd]>, to: u16) {
        let passage = passage(protocol, sockets, to, &[]);
        self.relay.lead(SANDBOX, vec![passage]).unwrap();
    }
}

pub(crate) fn passage(
    protocol: Protocol,
    sockets: &Arc<[OwnedFd]>,
    to: u16,
    from: &[&str],
) -> Passage {
    let from: BTreeSet<_> = from.iter().map(|it| it.parse().unwrap()).collect();
    Passage {
        protocol,
        sockets: Arc::clone(sockets),
        target: SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), to),
        from,
    }
}

/// Sockets that hold ports of every IPv6 address, as the daemon makes them.
pub(crate) fn held(protocol: Protocol, ports: PortRange) -> Arc<[OwnedFd]> {
    ports
        .ports()
        .map(|port| hold(protocol, port).unwrap())
        .collect()
}

pub(crate) fn hold(protocol: Protocol, port: u16) -> nix::Result<OwnedFd> {
    let kind = match protocol {
        Protocol::Tcp => SockType::Stream,
        _ => SockType::Datagram,
    };
    let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
    let socket = socket(AddressFamily::Inet6, kind, flags, None)?;
    setsockopt(&socket, sockopt::Ipv6V6Only, &true)?;
    if protocol == Protocol::Udp {
        let deaf = SockFilter::new((BPF_RET | BPF_K) as u16, 0, 0, 0);
        SockRef::from(&socket).attach_filter(&[deaf]).unwrap();
    }
    setsockopt(&socket, sockopt::ReuseAddr, &true)?;
    let address: std::net::SocketAddrV6 = format!("[::]:{port}").parse().unwrap();
    bind(socket.as_raw_fd(), &SockaddrIn6::from(address))?;
    setsockopt(&socket, sockopt::ReuseAddr, &false)?;
    Ok(socket)
}

/// Waits until an address answers: the kernel routes packets to a new one a moment after it is there.
fn await_address(address: &str) {
    let refuses = || {
        let refusal = TcpStream::connect((address, 1));
        refusal.is_err_and(|error| error.kind() == ErrorKind::ConnectionRefused)
    };
    let deadline = Instant::now() + Duration::from_secs(20);
    while !refuses() {
        assert!(Instant::now() < deadline, "no {address}");
        thread::sleep(Duration::from_millis(2));
    }
}

fn ip(line: &str) {
    let status = Command::new("ip").args(line.split(' ')).status();
    assert!(status.unwrap().success(), "ip {line}");
}
