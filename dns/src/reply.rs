//! An answer of our own, as it is written.

use std::net::IpAddr;

use crate::Request;
use crate::message::{HEADER, Header, IN, flag, kind};
use crate::request::opt;

/// How long an answer from here may be believed, in seconds.
///
/// A freed address is handed out again at once, so a name must not be remembered for long after its container is
/// gone; yet a client that keeps its own cache is spared nearly all its queries.
pub const LOCAL_TTL_SECONDS: u32 = 10;
/// The name of the question, as whoever repeats it points to it (RFC 1035, 4.1.4).
pub(crate) const ASKED: [u8; 2] = [0xc0, HEADER as u8];

/// An answer that grows record by record, as far as the client takes it.
pub(crate) struct Reply<'a> {
    request: &'a Request,
    header: Header,
    code: u16,
    bytes: Vec<u8>,
}

/// Where a record goes: the place of its count in the header.
#[derive(Clone, Copy)]
pub(crate) enum Section {
    Answer = 1,
    Authority = 2,
    Additional = 3,
}

impl<'a> Reply<'a> {
    /// An answer without records: RA set, RD and CD and the question as they came (RFC 1035, 4.1.1; RFC 4035,
    /// 3.2.2), and these `flags`.
    pub(crate) fn new(request: &'a Request, code: u16, flags: u16) -> Self {
        let own = flag::RESPONSE | flag::RECURSION_AVAILABLE | (code & flag::CODE);
        let header = Header {
            id: request.id(),
            flags: own | request.echoed() | flags,
            counts: [1, 0, 0, 0],
        };
        let mut bytes = Vec::with_capacity(256);
        bytes.extend(header.to_bytes());
        bytes.extend(request.question().bytes());
        Self {
            request,
            header,
            code,
            bytes,
        }
    }

    /// Adds a record of class IN. One that does not fit is left out, as are all after it, and the TC bit is set if
    /// that is in the answer section (RFC 2181, 9).
    pub(crate) fn add(&mut self, section: Section, owner: &[u8], kind: u16, data: &[u8]) {
        let edns = self.request.edns().map_or(0, |_| opt(0, false).len());
        let length = owner.len() + 10 + data.len();
        if self.bytes.len() + length + edns > self.request.limit() {
            if matches!(section, Section::Answer) {
                self.header.flags |= flag::TRUNCATED;
            }
            return;
        }
        self.bytes.extend(owner);
        self.bytes.extend(kind.to_be_bytes());
        self.bytes.extend(IN.to_be_bytes());
        self.bytes.extend(LOCAL_TTL_SECONDS.to_be_bytes());
        self.bytes.extend((data.len() as u16).to_be_bytes());
        self.bytes.extend(data);
        self.header.counts[section as usize] += 1;
    }

    /// Adds an address.
    pub(crate) fn add_address(&mut self, section: Section, owner: &[u8], address: &IpAddr) {
        match address {
            IpAddr::V4(ip) => self.add(section, owner, kind::A, &ip.octets()),
            IpAddr::V6(ip) => self.add(section, owner, kind::AAAA, &ip.octets()),
        }
    }

    /// Lets a client remember for a while that there is no such record (RFC 2308, 3): as names here have no parent in
    /// common, each is the apex of a zone of its own.
    pub(crate) fn deny(&mut self) {
        // the server is the name itself, its mailbox the root
        let (mut data, ttl) = ([&ASKED[..], &[0]].concat(), LOCAL_TTL_SECONDS);
        for number in [1, ttl, ttl, ttl, ttl] {
            data.extend(number.to_be_bytes());
        }
        self.add(Section::Authority, &ASKED, kind::SOA, &data);
    }

    /// Whether all that was added so far has found room.
    pub(crate) fn is_whole(&self) -> bool {
        !self.header.has(flag::TRUNCATED)
    }

    /// The bytes, with EDNS only in answer to EDNS and its DO bit copied (RFC 6891, 6.1.1; RFC 3225, 3).
    pub(crate) fn finish(mut self) -> Vec<u8> {
        if let Some(edns) = self.request.edns() {
            self.bytes.extend(opt(self.code, edns.dnssec_ok));
            self.header.counts[3] += 1;
        }
        self.bytes[..HEADER].copy_from_slice(&self.header.to_bytes());
        self.bytes
    }
}

/// The bytes of an answer without records.
pub(crate) fn empty(request: &Request, code: u16) -> Vec<u8> {
    Reply::new(request, code, 0).finish()
}
