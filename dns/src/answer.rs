//! From a query to its answer, or to the decision that others must answer it.

use std::net::IpAddr;

use rnet_model::SandboxId;

use crate::message::{IN, code, flag, kind};
use crate::reply::{ASKED, Reply, Section};
use crate::request::Refusal;
use crate::reverse::reverse;
use crate::service::Service;
use crate::{Directory, Request, Transport};

/// How long an answer from here may be believed, in seconds.
///
/// A freed address is handed out again at once, so a name must not be remembered for long after its container is
/// gone; yet a client that keeps its own cache is spared nearly all its queries.
pub const LOCAL_TTL_SECONDS: u32 = 10;

/// What becomes of a query.
#[derive(Debug)]
pub enum Answer {
    /// It is no query: nothing is sent.
    Ignore,
    /// These bytes are sent.
    Local(Vec<u8>),
    /// It is not about a name known here: the sandbox's servers are asked.
    Forward(Request),
}

/// Answers one message that a sandbox sent to its resolver.
///
/// A known name is answered here whatever is asked of it, with authority (AA) and never NXDOMAIN, as that would
/// deny its other records too (RFC 2308, 2.2; RFC 8020). `turn`, which the caller varies from query to query,
/// decides which of several addresses comes first.
pub fn answer(
    directory: &Directory,
    sandbox: SandboxId,
    query: &[u8],
    transport: Transport,
    turn: u32,
) -> Answer {
    let request = match Request::read(query, transport) {
        Ok(request) => request,
        Err(Refusal::Silent) => return Answer::Ignore,
        Err(Refusal::Reply(bytes)) => return Answer::Local(bytes),
    };
    match local(directory, sandbox, &request, turn) {
        Some(reply) => Answer::Local(reply),
        None => Answer::Forward(request),
    }
}

fn local(
    directory: &Directory,
    sandbox: SandboxId,
    request: &Request,
    turn: u32,
) -> Option<Vec<u8>> {
    let question = request.question();
    if question.class() != IN {
        return None;
    }
    let name = question.text()?;
    let mut reply = Reply::new(request, code::NO_ERROR, flag::AUTHORITATIVE);
    if question.kind() == kind::PTR
        && let Some(address) = reverse(&name)
    {
        let data = wire_name(&directory.name_of(sandbox, address)?)?;
        reply.add(Section::Answer, &ASKED, kind::PTR, LOCAL_TTL_SECONDS, &data);
        return Some(reply.finish());
    }
    if question.kind() == kind::SRV
        && let Some(service) = Service::read(&name)
    {
        let servers = service.servers(directory, sandbox)?;
        service.tell(&mut reply, &servers);
        return Some(reply.finish());
    }
    let wanted = |address: &IpAddr| match question.kind() {
        kind::A => address.is_ipv4(),
        kind::AAAA => address.is_ipv6(),
        // RFC 8482, 4.1: what there is of address records will do
        kind::ANY => true,
        _ => false,
    };
    let addresses = directory.addresses(sandbox, &name, wanted)?;
    if addresses.is_empty() {
        deny(&mut reply);
    }
    // each in its turn comes first
    let first = turn as usize % addresses.len().max(1);
    let (before, from) = addresses.split_at(first);
    for address in from.iter().chain(before) {
        add_address(&mut reply, Section::Answer, &ASKED, address);
        if !reply.is_whole() {
            break;
        }
    }
    Some(reply.finish())
}

pub(crate) fn add_address(reply: &mut Reply<'_>, section: Section, owner: &[u8], address: &IpAddr) {
    match address {
        IpAddr::V4(ip) => reply.add(section, owner, kind::A, LOCAL_TTL_SECONDS, &ip.octets()),
        IpAddr::V6(ip) => reply.add(section, owner, kind::AAAA, LOCAL_TTL_SECONDS, &ip.octets()),
    }
}

/// Lets a client remember for a while that there is no such record (RFC 2308, 3): as names here have no parent in
/// common, each is the apex of a zone of its own.
pub(crate) fn deny(reply: &mut Reply<'_>) {
    // the server is the name itself, its mailbox the root
    let mut data = [&ASKED[..], &[0]].concat();
    let ttl = LOCAL_TTL_SECONDS;
    for number in [1, ttl, ttl, ttl, ttl] {
        data.extend(number.to_be_bytes());
    }
    reply.add(Section::Authority, &ASKED, kind::SOA, ttl, &data);
}

/// A name as it stands in a message; none if it has a label that is too long, or is too long itself (RFC 1035, 2.3.4).
pub(crate) fn wire_name(name: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(name.len() + 2);
    for label in name.split('.').filter(|label| !label.is_empty()) {
        let length = u8::try_from(label.len()).ok().filter(|it| *it < 64)?;
        bytes.push(length);
        bytes.extend(label.as_bytes());
    }
    bytes.push(0);
    (bytes.len() <= 255).then_some(bytes)
}
