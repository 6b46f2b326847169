//! From a query to its answer, or to the decision that others must answer it.

use std::net::IpAddr;

use rnet_model::SandboxId;

use crate::message::{IN, code, flag, kind, wire_name};
use crate::reply::{ASKED, Reply, Section, empty};
use crate::request::Refusal;
use crate::reverse::reverse;
use crate::service::Service;
use crate::{Directory, Request, Transport};

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
        // RFC 6891, 6.1.3
        Ok(request) if request.is_of_another_edns() => {
            return Answer::Local(empty(&request, code::BAD_VERS));
        }
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
        reply.add(Section::Answer, &ASKED, kind::PTR, &data);
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
        reply.deny();
    }
    // each in its turn comes first
    let first = turn as usize % addresses.len().max(1);
    let (before, from) = addresses.split_at(first);
    for address in from.iter().chain(before) {
        reply.add_address(Section::Answer, &ASKED, address);
        if !reply.is_whole() {
            break;
        }
    }
    Some(reply.finish())
}
