//! From a query to its answer, or to the decision that others must answer it.

use std::net::IpAddr;

use hickory_proto::op::{Message, ResponseCode};
use hickory_proto::rr::rdata::{PTR, SOA};
use hickory_proto::rr::{DNSClass, Name, RData, Record, RecordType};
use rnet_model::SandboxId;

use crate::request::Refusal;
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
        Some(message) => Answer::Local(request.encode(message)),
        None => Answer::Forward(request),
    }
}

fn local(
    directory: &Directory,
    sandbox: SandboxId,
    request: &Request,
    turn: u32,
) -> Option<Message> {
    let question = request.question();
    if question.query_class != DNSClass::IN {
        return None;
    }
    let records = match question.query_type {
        RecordType::PTR => vec![pointer(
            directory.name_of(sandbox, reverse(&question.name)?)?,
        )?],
        kind => {
            let wanted = |address: &IpAddr| match kind {
                RecordType::A => address.is_ipv4(),
                RecordType::AAAA => address.is_ipv6(),
                // RFC 8482, 4.1: what there is of address records will do.
                RecordType::ANY => true,
                _ => false,
            };
            let mut addresses = directory.addresses(sandbox, &text(&question.name)?, wanted)?;
            rotate(&mut addresses, turn);
            addresses.into_iter().map(RData::from).collect()
        }
    };
    let mut message = request.reply(ResponseCode::NoError);
    message.metadata.authoritative = true;
    if records.is_empty() {
        message.add_authority(record(&question.name, no_data(&question.name)));
    }
    message.add_answers(records.into_iter().map(|data| record(&question.name, data)));
    Some(message)
}

fn record(name: &Name, data: RData) -> Record {
    Record::from_rdata(name.clone(), LOCAL_TTL_SECONDS, data)
}

/// What lets a client remember for a while that there is no such record (RFC 2308, 3): as names here have no parent
/// in common, each is the apex of a zone of its own.
fn no_data(name: &Name) -> RData {
    let seconds = LOCAL_TTL_SECONDS as i32;
    let (server, mailbox) = (name.clone(), Name::root());
    RData::SOA(SOA::new(
        server,
        mailbox,
        1,
        seconds,
        seconds,
        seconds,
        LOCAL_TTL_SECONDS,
    ))
}

fn pointer(name: String) -> Option<RData> {
    let labels = name
        .split('.')
        .map(str::as_bytes)
        .filter(|label| !label.is_empty());
    Some(RData::PTR(PTR(Name::from_labels(labels).ok()?)))
}

/// The address a whole name below in-addr.arpa or ip6.arpa stands for (RFC 1035, 3.5; RFC 3596, 2.5).
fn reverse(name: &Name) -> Option<IpAddr> {
    let prefix = name.parse_arpa_name().ok()?;
    (prefix.prefix_len() == prefix.max_prefix_len()).then(|| prefix.addr())
}

/// A name as it is looked up; none if it has a label that no name here can have.
fn text(name: &Name) -> Option<String> {
    let mut text = String::with_capacity(name.len());
    for label in name.iter() {
        let label = str::from_utf8(label)
            .ok()
            .filter(|label| !label.contains('.'))?;
        if !text.is_empty() {
            text.push('.');
        }
        text.push_str(label);
    }
    text.make_ascii_lowercase();
    Some(text)
}

fn rotate(addresses: &mut [IpAddr], turn: u32) {
    if addresses.len() > 1 {
        let first = turn as usize % addresses.len();
        addresses.rotate_left(first);
    }
}
