//! Whether anybody wrote to the tables since they were last looked at, found out without a process.

use std::io;
use std::mem;
use std::os::fd::{AsRawFd, OwnedFd};

use netlink_sys::Socket;
use nix::sys::socket::{AddressFamily, SockFlag, SockProtocol, SockType, socket};

use super::programs::Kind;
use super::ruleset::{Family, Table};
use crate::nft;

/// IPT_SO_GET_INFO and IP6T_SO_GET_INFO of linux/netfilter_ipv4/ip_tables.h and linux/netfilter_ipv6/ip6_tables.h.
const GET_INFO: libc::c_int = 64;

/// Where to feel it, in the network namespace it was made in.
pub(super) enum Pulse {
    /// nf_tables counts its transactions.
    Nft(Socket),
    /// ip_tables tells of each table how many entries it has, and their size: a rule put in place of one of the same
    /// size is not felt.
    Legacy(Vec<(Family, OwnedFd)>),
}

/// What was felt: equal, if nobody wrote.
pub(super) type Beat = Vec<u32>;

impl Pulse {
    /// That of the tables which programs of this kind write; of the calling thread's network namespace.
    pub(super) fn find(kind: Kind, families: impl Iterator<Item = Family>) -> Option<Self> {
        match kind {
            Kind::Nft => nft::open().ok().map(Self::Nft),
            Kind::Legacy => {
                let sockets = families.map(|family| Some((family, raw_socket(family).ok()?)));
                sockets.collect::<Option<_>>().map(Self::Legacy)
            }
        }
    }

    /// Feels it; none where nothing can be felt.
    pub(super) fn feel(&self) -> Option<Beat> {
        match self {
            Self::Nft(socket) => nft::generation(socket).ok().map(|id| vec![id]),
            Self::Legacy(sockets) => {
                let tables = sockets.iter().flat_map(|(family, socket)| {
                    Table::ALL.map(|table| extent(*family, socket, table))
                });
                let extents: io::Result<Vec<_>> = tables.collect();
                extents.ok().map(|extents| extents.concat())
            }
        }
    }
}

fn raw_socket(family: Family) -> nix::Result<OwnedFd> {
    let family = match family {
        Family::V4 => AddressFamily::Inet,
        Family::V6 => AddressFamily::Inet6,
    };
    socket(
        family,
        SockType::Raw,
        SockFlag::SOCK_CLOEXEC,
        SockProtocol::Raw,
    )
}

/// struct ipt_getinfo, which struct ip6t_getinfo is like.
#[repr(C)]
struct TableInfo {
    name: [u8; 32],
    valid_hooks: u32,
    hook_entries: [u32; 5],
    underflows: [u32; 5],
    entries: u32,
    size: u32,
}

/// How many entries a table has, and how many bytes they are.
#[expect(
    unsafe_code,
    reason = "no safe wrapper knows the socket options of ip_tables"
)]
fn extent(family: Family, socket: &OwnedFd, table: Table) -> io::Result<[u32; 2]> {
    let level = match family {
        Family::V4 => libc::IPPROTO_IP,
        Family::V6 => libc::IPPROTO_IPV6,
    };
    let mut info = TableInfo {
        name: [0; 32],
        valid_hooks: 0,
        hook_entries: [0; 5],
        underflows: [0; 5],
        entries: 0,
        size: 0,
    };
    info.name[..table.as_str().len()].copy_from_slice(table.as_str().as_bytes());
    let mut length = mem::size_of_val(&info) as libc::socklen_t;
    // SAFETY: the kernel writes no more than `length` bytes, all of them in `info`, whose fields take any value
    let result = unsafe {
        libc::getsockopt(
            socket.as_raw_fd(),
            level,
            GET_INFO,
            (&raw mut info).cast(),
            &raw mut length,
        )
    };
    match result {
        0 => Ok([info.entries, info.size]),
        _ => Err(io::Error::last_os_error()),
    }
}
