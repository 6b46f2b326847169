//! A query as it came, and the shape its answer must have.

use hickory_proto::op::{
    Edns, Header, Message, MessageType, Metadata, OpCode, Query, ResponseCode,
};
use hickory_proto::serialize::binary::{BinDecodable, BinDecoder, BinEncodable, BinEncoder};

use crate::Transport;

/// The largest datagram a client may send us, in bytes: what avoids fragments nearly everywhere (DNS flag day 2020).
const OUR_PAYLOAD: u16 = 1232;
/// What any client takes in a datagram, in bytes (RFC 1035, 4.2.1; RFC 6891, 6.2.3).
const LEAST_PAYLOAD: u16 = 512;
/// The most a datagram carries over IPv4, in bytes (RFC 768 in RFC 791).
const LARGEST_PAYLOAD: u16 = 65_507;
/// An OPT record without options, in bytes (RFC 6891, 6.1.2).
const OPT_LEN: u16 = 11;

/// One well-formed query: what is asked, and how its answer must look.
#[derive(Clone, Debug)]
pub struct Request {
    header: Metadata,
    question: Query,
    edns: Option<Edns>,
    limit: u16,
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
    /// opcode than QUERY, FORMERR for what cannot be read or has not exactly one question (RFC 9619), BADVERS for
    /// an EDNS version above 0 (RFC 6891, 6.1.3).
    pub(crate) fn read(bytes: &[u8], transport: Transport) -> Result<Self, Refusal> {
        let header = Header::read(&mut BinDecoder::new(bytes)).map_err(|_| Refusal::Silent)?;
        if header.message_type == MessageType::Response {
            return Err(Refusal::Silent);
        }
        if header.op_code != OpCode::Query {
            return Err(refusal(&header.metadata, ResponseCode::NotImp));
        }
        // Looked at before the rest is read, since the reader sets aside room for as many as are announced.
        let single = header.counts.queries == 1;
        let message = single.then(|| Message::from_vec(bytes).ok()).flatten();
        let Some((message, question)) = message.and_then(|mut m| m.queries.pop().map(|q| (m, q)))
        else {
            return Err(refusal(&header.metadata, ResponseCode::FormErr));
        };
        let payload = message.max_payload().clamp(LEAST_PAYLOAD, LARGEST_PAYLOAD);
        let request = Self {
            header: message.metadata,
            question,
            edns: message.edns,
            limit: if transport == Transport::Udp {
                payload
            } else {
                u16::MAX
            },
        };
        match &request.edns {
            Some(edns) if edns.version() > 0 => {
                let reply = request.reply(ResponseCode::BADVERS);
                Err(Refusal::Reply(request.encode(reply)))
            }
            _ => Ok(request),
        }
    }

    /// What is asked.
    pub(crate) fn question(&self) -> &Query {
        &self.question
    }

    /// The message id the client chose.
    pub(crate) fn id(&self) -> u16 {
        self.header.id
    }

    /// How long an answer may be, in bytes.
    pub(crate) fn limit(&self) -> usize {
        usize::from(self.limit)
    }

    /// An answer without records: RA set, RD and CD and the question as they came (RFC 1035, 4.1.1; RFC 4035, 3.2.2),
    /// EDNS only in answer to EDNS, its DO bit copied (RFC 6891, 6.1.1; RFC 3225, 3).
    pub(crate) fn reply(&self, code: ResponseCode) -> Message {
        let mut reply = Message::response(self.header.id, OpCode::Query);
        reply.metadata = Metadata::response_from_request(&self.header);
        reply.metadata.recursion_available = true;
        reply.metadata.response_code = code;
        reply.add_query(self.question.clone());
        reply.edns = self.edns.as_ref().map(|asked| {
            let mut edns = Edns::new();
            edns.set_max_payload(OUR_PAYLOAD);
            edns.set_dnssec_ok(asked.flags().dnssec_ok);
            edns
        });
        reply
    }

    /// The bytes of an answer without records.
    pub(crate) fn encoded_reply(&self, code: ResponseCode) -> Vec<u8> {
        self.encode(self.reply(code))
    }

    /// The bytes of an answer: if all of it exceeds what the client takes, then as many records of its answer
    /// section as fit, and the TC bit (RFC 2181, 9).
    ///
    /// None at all, and then nothing is to be sent, if a name in it cannot be written.
    pub(crate) fn encode(&self, mut message: Message) -> Vec<u8> {
        let whole = message.to_vec().unwrap_or_default();
        if whole.len() <= self.limit() {
            return whole;
        }
        message.authorities.clear();
        message.additionals.clear();
        let fitting = self.fitting(&mut message);
        message.answers.truncate(fitting);
        message.metadata.truncation = true;
        message.to_vec().unwrap_or_default()
    }

    /// How many answers fit, with room left for the OPT record that follows them.
    fn fitting(&self, message: &mut Message) -> usize {
        let edns = message.edns.take();
        let mut bytes = Vec::with_capacity(self.limit());
        let mut encoder = BinEncoder::new(&mut bytes);
        encoder.set_max_size(self.limit - edns.as_ref().map_or(0, |_| OPT_LEN));
        let written = message.emit(&mut encoder);
        message.edns = edns;
        let header = Header::read(&mut BinDecoder::new(&bytes));
        match (written, header) {
            (Ok(()), Ok(header)) => usize::from(header.counts.answers),
            _ => 0,
        }
    }
}

fn refusal(header: &Metadata, code: ResponseCode) -> Refusal {
    let mut reply = Message::error_msg(header.id, header.op_code, code);
    reply.metadata.recursion_desired = header.recursion_desired;
    reply.metadata.recursion_available = true;
    reply.to_vec().map_or(Refusal::Silent, Refusal::Reply)
}
