//! A server's answer: what of it is kept, for how long, and how each client is given it.

use crate::Request;
use crate::message::{HEADER, Header, Question, Record, code, flag, kind, long, records};
use crate::reply::empty;
use crate::request::opt;

/// The longest an answer is kept, in seconds: a day.
const LONGEST: u32 = 86_400;
/// The longest it is kept that there is no such name or record, in seconds: what RFC 2308, 5 found to work well.
const LONGEST_DENIAL: u32 = 3 * 3_600;
/// How long an error is kept, in seconds: the least there is (RFC 9520, 3.2).
const ERROR: u32 = 1;

/// A server's answer to one question, without EDNS, which is between a server and its client (RFC 6891, 6.1.1).
#[derive(Debug)]
pub(crate) struct Response {
    header: Header,
    bytes: Vec<u8>,
    /// Where the times to live are.
    ttls: Vec<u16>,
    /// How long it may be believed, in seconds; 0 if it must not be kept.
    pub(crate) lifetime: u32,
}

impl Response {
    /// Reads the answer to `question`; none if that is not what it answers, or it is not whole.
    ///
    /// A server that cannot or will not read the question may leave it out of its refusal; such an answer has no
    /// records.
    pub(crate) fn read(mut bytes: Vec<u8>, id: u16, question: &Question) -> Option<Self> {
        let mut header = Header::read(&bytes)?;
        let is_ours = header.id == id && header.has(flag::RESPONSE) && !header.has(flag::OP_CODE);
        let echoed = match header.counts[0] {
            0 => !matches!(header.code(), code::NO_ERROR | code::NX_DOMAIN),
            1 => Question::read(&bytes)?.normal() == question.normal(),
            _ => false,
        };
        if !is_ours || !echoed {
            return None;
        }
        let mut records = records(&bytes, header)?;
        if let Some(place) = records.iter().position(|it| it.kind == kind::OPT) {
            let opt = &records[place];
            if opt.section != 3 {
                return None;
            }
            if bytes[opt.ttl_at] != 0 {
                // its upper bits make the code another one, of an error (RFC 6891, 6.1.3)
                header.flags = header.flags & !flag::CODE | code::SERV_FAIL;
            }
            // with what may be behind it: that cannot be moved, as names may be pointed to, and is not needed
            header.counts[3] -= (records.len() - place) as u16;
            bytes.truncate(opt.start);
            records.truncate(place);
        }
        let ttls = records
            .iter()
            .filter_map(|it| u16::try_from(it.ttl_at).ok());
        let ttls = ttls.collect();
        let lifetime = lifetime(&bytes, header, &records, question.kind());
        Some(Self {
            header,
            bytes,
            ttls,
            lifetime,
        })
    }

    /// Whether it was cut off to fit a datagram.
    pub(crate) fn is_truncated(&self) -> bool {
        self.header.has(flag::TRUNCATED)
    }

    /// Whether another server may know better: every other code, NXDOMAIN included, is an answer.
    pub(crate) fn declines(&self) -> bool {
        matches!(self.header.code(), code::SERV_FAIL | code::REFUSED)
    }

    /// Whether the server may not know EDNS (RFC 6891, 7).
    pub(crate) fn dislikes_edns(&self) -> bool {
        matches!(self.header.code(), code::FORM_ERR | code::NOT_IMP)
    }

    /// How much memory it takes, in bytes.
    pub(crate) fn size(&self) -> usize {
        size_of::<Self>() + self.bytes.len() + 2 * self.ttls.len()
    }

    /// The answer for a client that asks the same `age` seconds later: under its id, to its question in its case, with
    /// as many records as it takes, and what time they have left to live.
    pub(crate) fn reply(&self, request: &Request, age: u32) -> Vec<u8> {
        if self.header.counts[0] == 0 {
            return empty(request, self.header.code());
        }
        let kept = flag::TRUNCATED | flag::AUTHENTIC_DATA | flag::CODE;
        let mut header = Header {
            id: request.id(),
            flags: flag::RESPONSE
                | flag::RECURSION_AVAILABLE
                | request.echoed()
                | (self.header.flags & kept),
            ..self.header
        };
        let mut bytes = Vec::with_capacity(self.bytes.len() + 11);
        bytes.extend(&self.bytes);
        let question = request.question().bytes();
        bytes[HEADER..HEADER + question.len()].copy_from_slice(question);
        for at in self.ttls.iter().map(|at| usize::from(*at)) {
            let left = ttl(&bytes, at).saturating_sub(age);
            bytes[at..at + 4].copy_from_slice(&left.to_be_bytes());
        }
        let room = request.limit() - request.edns().map_or(0, |_| opt(0, false).len());
        if bytes.len() > room {
            shorten(&mut bytes, &mut header, room);
        }
        if let Some(edns) = request.edns() {
            bytes.extend(opt(0, edns.dnssec_ok));
            header.counts[3] += 1;
        }
        bytes[..HEADER].copy_from_slice(&header.to_bytes());
        bytes
    }
}

/// Keeps as many answers as fit, and nothing else, and sets the TC bit (RFC 2181, 9).
fn shorten(bytes: &mut Vec<u8>, header: &mut Header, room: usize) {
    let records = records(bytes, *header).unwrap_or_default();
    let fitting = records
        .iter()
        .take_while(|it| it.section == 1 && it.data.end <= room);
    let fitting: Vec<_> = fitting.collect();
    let end = match (fitting.last(), records.first()) {
        (Some(last), _) => last.data.end,
        (None, Some(first)) => first.start,
        (None, None) => bytes.len(),
    };
    header.counts[1..].copy_from_slice(&[fitting.len() as u16, 0, 0]);
    header.flags |= flag::TRUNCATED;
    bytes.truncate(end);
}

/// How long an answer may be kept: as long as the record that ends first, and a denial no longer than its SOA says
/// (RFC 2308, 3 and 5). Without an SOA a denial must not be kept, nor may what is not whole.
fn lifetime(bytes: &[u8], header: Header, records: &[Record], asked: u16) -> u32 {
    let signed = records.iter().any(|it| it.kind == kind::TSIG);
    if header.has(flag::TRUNCATED) || signed {
        return 0;
    }
    let answers = records.iter().filter(|it| it.section == 1);
    let answered = answers
        .map(|it| it.kind)
        .any(|it| it == asked || asked == kind::ANY);
    let bound = match (header.code(), answered) {
        (code::NO_ERROR, true) => LONGEST,
        (code::NO_ERROR | code::NX_DOMAIN, _) => {
            let soa = records
                .iter()
                .find(|it| it.section == 2 && it.kind == kind::SOA);
            let minimum = soa.and_then(|it| long(bytes, it.data.end.checked_sub(4)?));
            minimum.map_or(0, |minimum| minimum.min(LONGEST_DENIAL))
        }
        _ => ERROR,
    };
    let ttls = records.iter().map(|it| ttl(bytes, it.ttl_at));
    ttls.fold(bound, u32::min)
}

/// A time to live; one with its first bit set is none (RFC 2181, 8).
fn ttl(bytes: &[u8], at: usize) -> u32 {
    long(bytes, at)
        .filter(|ttl| ttl >> 31 == 0)
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use hickory_proto::op::{Edns, Message, Query, ResponseCode};
    use hickory_proto::rr::rdata::{A, CNAME, SOA};
    use hickory_proto::rr::{Name, RData, Record, RecordType};

    use super::*;
    use crate::Transport;

    fn name(text: &str) -> Name {
        Name::from_ascii(text).unwrap()
    }

    fn query() -> Message {
        let mut query = Message::query();
        query.add_query(Query::query(name("www.example.com."), RecordType::A));
        query
    }

    fn read(message: &Message) -> Option<Response> {
        let asked = query().to_vec().unwrap();
        let question = Question::read(&asked).unwrap();
        Response::read(message.to_vec().unwrap(), message.id, &question)
    }

    fn told(message: &Message, age: u32) -> Message {
        let request = Request::read(&query().to_vec().unwrap(), Transport::Tcp).unwrap();
        Message::from_vec(&read(message).unwrap().reply(&request, age)).unwrap()
    }

    fn address(ttl: u32) -> Record {
        Record::from_rdata(
            name("www.example.com."),
            ttl,
            RData::A(A::new(192, 0, 2, 1)),
        )
    }

    fn soa(ttl: u32, minimum: u32) -> Record {
        let soa = SOA::new(name("ns.example."), name("m.example."), 1, 2, 3, 4, minimum);
        Record::from_rdata(name("example.com."), ttl, RData::SOA(soa))
    }

    #[test]
    fn every_time_to_live_is_counted_down_and_edns_stays_with_us() {
        let mut message = query().into_response();
        message.add_answer(address(300));
        message.add_authority(soa(500, 60));
        message.add_additional(address(400));
        message.set_edns(Edns::new());
        let reply = told(&message, 100);
        assert_eq!(reply.answers[0].ttl, 200);
        assert_eq!(reply.authorities[0].ttl, 400);
        assert_eq!(reply.additionals[0].ttl, 300);
        assert_eq!((reply.edns, reply.additionals.len()), (None, 1));
        assert_eq!(reply.answers[0].data, message.answers[0].data);
    }

    #[test]
    fn a_denial_lives_as_long_as_its_soa_says_and_a_chain_as_long_as_its_shortest_link() {
        let lifetime = |message: &Message| read(message).unwrap().lifetime;
        let mut denial = query().into_response();
        assert_eq!(lifetime(&denial), 0, "without an SOA");
        denial.add_authority(soa(500, 60));
        assert_eq!(lifetime(&denial), 60);
        denial.metadata.response_code = ResponseCode::NXDomain;
        assert_eq!(lifetime(&denial), 60);
        denial.authorities = vec![soa(20, 60)];
        assert_eq!(lifetime(&denial), 20);
        denial.authorities = vec![soa(1 << 30, 1 << 30)];
        assert_eq!(lifetime(&denial), LONGEST_DENIAL);
        denial.metadata.response_code = ResponseCode::ServFail;
        assert_eq!(lifetime(&denial), ERROR);

        let mut chain = query().into_response();
        let alias = RData::CNAME(CNAME(name("a.example.")));
        chain.add_answer(Record::from_rdata(name("www.example.com."), 30, alias));
        assert_eq!(lifetime(&chain), 0, "it leads nowhere");
        chain.add_answer(address(300));
        assert_eq!(lifetime(&chain), 30);
        chain.metadata.truncation = true;
        assert_eq!(lifetime(&chain), 0);
        let mut long = query().into_response();
        long.add_answer(address(u32::MAX >> 1));
        assert_eq!(lifetime(&long), LONGEST);
    }

    #[test]
    fn an_answer_to_another_question_or_cut_off_anywhere_is_none() {
        let mut message = query().into_response();
        message.add_answer(address(300));
        message.add_additional(address(300));
        let bytes = message.to_vec().unwrap();
        let question = Question::read(&bytes).unwrap();
        let whole = |bytes: &[u8], id| Response::read(bytes.to_vec(), id, &question).is_some();
        assert!(whole(&bytes, message.id));
        assert!(!whole(&bytes, message.id ^ 1));
        for length in 0..bytes.len() {
            assert!(!whole(&bytes[..length], message.id), "{length}");
        }
        let mut other = message.clone();
        other.queries[0].set_name(name("ww2.example.com."));
        assert!(read(&other).is_none());
        let mut unasked = message.clone();
        unasked.queries.clear();
        assert!(read(&unasked).is_none());
        unasked.metadata.response_code = ResponseCode::Refused;
        assert!(read(&unasked).unwrap().declines());
        assert!(read(&query()).is_none(), "a query is no answer");
    }
}
