//! Services asked for by their port: `_80._tcp.web` (RFC 2782).

use std::net::IpAddr;

use rnet_model::{Protocol, SandboxId};

use crate::Directory;
use crate::message::{HEADER, kind, wire_name};
use crate::reply::{ASKED, Reply, Section};

/// A port of whoever has a name.
pub(crate) struct Service<'a> {
    /// None where it is not called by its number, so that it is none that is known here.
    port: Option<(Protocol, u16)>,
    host: &'a str,
    /// Where the host's name begins in the whole one.
    host_at: usize,
}

impl<'a> Service<'a> {
    /// Reads the name of a service, in lower case.
    pub(crate) fn read(name: &'a str) -> Option<Self> {
        let (port, rest) = name.strip_prefix('_')?.split_once("._")?;
        let (protocol, host) = rest.split_once('.')?;
        let protocol = match protocol {
            "tcp" => Protocol::Tcp,
            "udp" => Protocol::Udp,
            "sctp" => Protocol::Sctp,
            _ => return None,
        };
        Some(Self {
            port: port.parse().ok().map(|port| (protocol, port)),
            host,
            host_at: name.len() - host.len(),
        })
    }

    /// The addresses of those who serve it; None where the host is not known here.
    pub(crate) fn servers(&self, directory: &Directory, sandbox: SandboxId) -> Option<Vec<IpAddr>> {
        match self.port {
            Some((protocol, port)) => directory.servers(sandbox, self.host, protocol, port),
            None => directory.addresses(sandbox, self.host, |_| false),
        }
    }

    /// One record that leads to the host's name, and its addresses as far as there is room.
    pub(crate) fn tell(&self, reply: &mut Reply<'_>, servers: &[IpAddr]) {
        let (Some((_, port)), Some(host), [_, ..]) = (self.port, wire_name(self.host), servers)
        else {
            return reply.deny();
        };
        // neither priority nor weight; the target must not be compressed
        let mut data = vec![0; 4];
        data.extend(port.to_be_bytes());
        data.extend(host);
        reply.add(Section::Answer, &ASKED, kind::SRV, &data);
        // in a message each label comes behind its length, in text behind a dot: the places are the same
        let pointer = 0xc000 | (HEADER + self.host_at) as u16;
        for address in servers {
            reply.add_address(Section::Additional, &pointer.to_be_bytes(), address);
        }
    }
}
