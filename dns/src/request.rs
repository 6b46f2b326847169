//! A query as it came, and the shape its answer must have.

use crate::Transport;
use crate::message::{Header, Question, code, flag, kind, records};

/// The largest datagram we take ourselves, in bytes: what avoids fragments nearly everywhere (DNS flag day 2020).
pub(crate) const OUR_PAYLOAD: u16 = 1232;
/// What any client takes in a datagram, in bytes (RFC 1035, 4.2.1; RFC 6891, 6.2.3).
const LEAST_PAYLOAD: u16 = 512;
/// The most a datagram carries over IPv4, in bytes (RFC 768 in RFC 791).
const LARGEST_PAYLOAD: u16 = 65_507;
/// The bits of a query that its answer depends on, beside what is asked (RFC 1035, 4.1.1; RFC 4035, 3.2.2; RFC 6840, 5.7).
const MEANT: u16 = flag::RECURSION_DESIRED | flag::AUTHENTIC_DATA | flag::CHECKING_DISABLED;

/// One well-formed query: what is asked, and how its answer must look.
#[derive(Clone, Debug)]
pub struct Request {
    header: Header,
    question: Question,
    edns: Option<Edns>,
    limit: u16,
}

/// What a client says by EDNS that matters here; its options are between it and us (RFC 6891, 6.2.6).
#[derive(Clone, Copy, Debug)]
pub(crate) struct Edns {
    payload: u16,
    version: u8,
    pub(crate) dnssec_ok: bool,
}

/// Why a message is no query that can be answered.
#[derive(Debug)]
pub(crate) enum Refusal {
    /// Nothing is sent back: it is no query at all.
    Silent,
    /// This is sent back.
    Reply(Vec<u8>),
}

impl Request {
    /// Reads one query.
    ///
    /// What is too short for a header, or is itself a response, is not answered. Otherwise: NOTIMP for another
    /// opcode than QUERY, FORMERR for what cannot be read or has not exactly one question (RFC 9619) or has two OPT
    /// records (RFC 6891, 6.1.1).
    pub(crate) fn read(bytes: &[u8], transport: Transport) -> Result<Self, Refusal> {
        let header = Header::read(bytes).ok_or(Refusal::Silent)?;
        if header.has(flag::RESPONSE) {
            return Err(Refusal::Silent);
        }
        if header.has(flag::OP_CODE) {
            return Err(refusal(header, code::NOT_IMP));
        }
        let parsed =
            (header.counts[0] == 1).then(|| Question::read(bytes).zip(edns(bytes, header)));
        let Some((question, edns)) = parsed.flatten() else {
            return Err(refusal(header, code::FORM_ERR));
        };
        let limit = match (transport, edns) {
            (Transport::Tcp, _) => u16::MAX,
            (Transport::Udp, Some(edns)) => edns.payload.clamp(LEAST_PAYLOAD, LARGEST_PAYLOAD),
            (Transport::Udp, None) => LEAST_PAYLOAD,
        };
        Ok(Self {
            header,
            question,
            edns,
            limit,
        })
    }

    /// What is asked.
    pub(crate) fn question(&self) -> &Question {
        &self.question
    }

    /// The message id the client chose.
    pub(crate) fn id(&self) -> u16 {
        self.header.id
    }

    /// What the client says by EDNS, if it does.
    pub(crate) fn edns(&self) -> Option<Edns> {
        self.edns
    }

    /// Whether the client speaks a version of EDNS that is not known here, the only one being 0.
    pub(crate) fn is_of_another_edns(&self) -> bool {
        self.edns.is_some_and(|edns| edns.version > 0)
    }

    /// How long an answer may be, in bytes.
    pub(crate) fn limit(&self) -> usize {
        usize::from(self.limit)
    }

    /// The bits that come back as they came (RFC 1035, 4.1.1; RFC 4035, 3.2.2).
    pub(crate) fn echoed(&self) -> u16 {
        self.header.flags & (flag::RECURSION_DESIRED | flag::CHECKING_DISABLED)
    }

    /// Whether it may be answered with what was learnt for another: only who desires recursion gets its result.
    pub(crate) fn may_share(&self) -> bool {
        self.header.has(flag::RECURSION_DESIRED)
    }

    /// The same for requests that have the same answer.
    pub(crate) fn key(&self) -> Vec<u8> {
        let mut key = self.question.normal();
        let dnssec_ok = self.edns.is_some_and(|edns| edns.dnssec_ok);
        key.push(u8::from(dnssec_ok));
        key.extend((self.header.flags & MEANT).to_be_bytes());
        key
    }

    /// The query for a server under an id of our own: what is asked as it came, with EDNS of our own or without any.
    pub(crate) fn query(&self, id: u16, edns: bool) -> Vec<u8> {
        let header = Header {
            id,
            flags: self.header.flags & MEANT,
            counts: [1, 0, 0, u16::from(edns)],
        };
        let mut bytes = Vec::with_capacity(512);
        bytes.extend(header.to_bytes());
        bytes.extend(self.question.bytes());
        if edns {
            let dnssec_ok = self.edns.is_some_and(|edns| edns.dnssec_ok);
            bytes.extend(opt(0, dnssec_ok));
        }
        bytes
    }
}

/// The OPT record we send: our payload, EDNS version 0, no options (RFC 6891, 6.1.2 and 6.1.3; RFC 3225, 3).
pub(crate) fn opt(code: u16, dnssec_ok: bool) -> [u8; 11] {
    let [high, low] = OUR_PAYLOAD.to_be_bytes();
    let upper_code = (code >> 4) as u8;
    let dnssec_ok = u8::from(dnssec_ok) << 7;
    let kind = kind::OPT as u8;
    [0, 0, kind, high, low, upper_code, 0, dnssec_ok, 0, 0, 0]
}

/// What the query says by EDNS, if it does; none if it is not whole.
fn edns(bytes: &[u8], header: Header) -> Option<Option<Edns>> {
    if header.counts[1..] == [0; 3] {
        return Some(None);
    }
    let records = records(bytes, header)?;
    let mut opts = records.iter().filter(|record| record.kind == kind::OPT);
    let edns = opts.next().map(|opt| Edns {
        payload: opt.class,
        version: bytes[opt.ttl_at + 1],
        dnssec_ok: bytes[opt.ttl_at + 2] & 0x80 != 0,
    });
    opts.next().is_none().then_some(edns)
}

fn refusal(header: Header, code: u16) -> Refusal {
    let echoed = flag::OP_CODE | flag::RECURSION_DESIRED;
    let refusal = Header {
        id: header.id,
        flags: flag::RESPONSE | flag::RECURSION_AVAILABLE | (header.flags & echoed) | code,
        counts: [0; 4],
    };
    Refusal::Reply(refusal.to_bytes().to_vec())
}
