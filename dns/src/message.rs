//! DNS messages as bytes: the header, the question, and where each record is (RFC 1035, 4.1).

use std::ops::Range;

/// The length of a header, in bytes, and where the question's name is.
pub(crate) const HEADER: usize = 12;
/// The longest name, in bytes with its last, empty label (RFC 1035, 2.3.4).
const LONGEST_NAME: usize = 255;
/// Of the two bytes that say a label's length these bits say that it is a pointer instead (RFC 1035, 4.1.4).
const POINTER: u8 = 0b1100_0000;

/// The bits of a header (RFC 1035, 4.1.1; RFC 4035, 3).
pub(crate) mod flag {
    pub(crate) const RESPONSE: u16 = 0x8000;
    pub(crate) const OP_CODE: u16 = 0x7800;
    pub(crate) const AUTHORITATIVE: u16 = 0x0400;
    pub(crate) const TRUNCATED: u16 = 0x0200;
    pub(crate) const RECURSION_DESIRED: u16 = 0x0100;
    pub(crate) const RECURSION_AVAILABLE: u16 = 0x0080;
    pub(crate) const AUTHENTIC_DATA: u16 = 0x0020;
    pub(crate) const CHECKING_DISABLED: u16 = 0x0010;
    pub(crate) const CODE: u16 = 0x000f;
}

/// What a response says (RFC 1035, 4.1.1; RFC 6891, 6.1.3).
pub(crate) mod code {
    pub(crate) const NO_ERROR: u16 = 0;
    pub(crate) const FORM_ERR: u16 = 1;
    pub(crate) const SERV_FAIL: u16 = 2;
    pub(crate) const NX_DOMAIN: u16 = 3;
    pub(crate) const NOT_IMP: u16 = 4;
    pub(crate) const REFUSED: u16 = 5;
    pub(crate) const BAD_VERS: u16 = 16;
}

/// Types of records, and those that are only asked for.
pub(crate) mod kind {
    pub(crate) const A: u16 = 1;
    pub(crate) const SOA: u16 = 6;
    pub(crate) const PTR: u16 = 12;
    pub(crate) const AAAA: u16 = 28;
    pub(crate) const SRV: u16 = 33;
    pub(crate) const OPT: u16 = 41;
    pub(crate) const TSIG: u16 = 250;
    pub(crate) const ANY: u16 = 255;
}

/// The class of the Internet.
pub(crate) const IN: u16 = 1;

/// The fixed beginning of a message.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Header {
    pub(crate) id: u16,
    pub(crate) flags: u16,
    /// How many questions, answers, authorities and additional records follow.
    pub(crate) counts: [u16; 4],
}

impl Header {
    pub(crate) fn read(bytes: &[u8]) -> Option<Self> {
        let words: [u8; HEADER] = bytes.get(..HEADER)?.try_into().ok()?;
        let word = |n: usize| u16::from_be_bytes([words[2 * n], words[2 * n + 1]]);
        Some(Self {
            id: word(0),
            flags: word(1),
            counts: [word(2), word(3), word(4), word(5)],
        })
    }

    pub(crate) fn to_bytes(self) -> [u8; HEADER] {
        let mut bytes = [0; HEADER];
        let words = [self.id, self.flags].into_iter().chain(self.counts);
        for (place, word) in bytes.chunks_exact_mut(2).zip(words) {
            place.copy_from_slice(&word.to_be_bytes());
        }
        bytes
    }

    pub(crate) fn has(self, flag: u16) -> bool {
        self.flags & flag != 0
    }

    pub(crate) fn code(self) -> u16 {
        self.flags & flag::CODE
    }
}

/// A question as it stands in a message: name, type, class.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Question(Vec<u8>);

impl Question {
    /// The question behind the header; none if its name is not whole, or points elsewhere.
    pub(crate) fn read(bytes: &[u8]) -> Option<Self> {
        let end = name_end(bytes, HEADER)?;
        let whole = bytes[end - 1] == 0 && end - HEADER <= LONGEST_NAME;
        let question = bytes.get(HEADER..end + 4)?;
        whole.then(|| Self(question.to_vec()))
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.0
    }

    pub(crate) fn kind(&self) -> u16 {
        word(&self.0, self.0.len() - 4).unwrap_or_default()
    }

    pub(crate) fn class(&self) -> u16 {
        word(&self.0, self.0.len() - 2).unwrap_or_default()
    }

    /// The same for questions that differ in the case of letters only (RFC 4343).
    pub(crate) fn normal(&self) -> Vec<u8> {
        let mut bytes = self.0.clone();
        let name = bytes.len() - 4;
        // no length of a label is a letter
        bytes[..name].make_ascii_lowercase();
        bytes
    }

    /// The name as text in lower case; none if it has a label that no name here can have.
    pub(crate) fn text(&self) -> Option<String> {
        let mut text = String::with_capacity(self.0.len());
        let mut rest = &self.0[..];
        while let Some((length @ 1.., tail)) = rest.split_first() {
            let (label, tail) = tail.split_at(usize::from(*length));
            if label.contains(&b'.') {
                return None;
            }
            if !text.is_empty() {
                text.push('.');
            }
            text.push_str(str::from_utf8(label).ok()?);
            rest = tail;
        }
        text.make_ascii_lowercase();
        Some(text)
    }
}

/// Where a record is in its message.
#[derive(Clone, Debug)]
pub(crate) struct Record {
    /// 1 for an answer, 2 for an authority, 3 for an additional record: the place of its count in the header.
    pub(crate) section: usize,
    pub(crate) start: usize,
    pub(crate) kind: u16,
    pub(crate) class: u16,
    pub(crate) ttl_at: usize,
    pub(crate) data: Range<usize>,
}

/// The records of a message with one question or none, whose header is `header`; none if one of them is not whole.
pub(crate) fn records(bytes: &[u8], header: Header) -> Option<Vec<Record>> {
    let mut at = match header.counts[0] {
        0 => HEADER,
        1 => name_end(bytes, HEADER)? + 4,
        _ => return None,
    };
    let mut records = Vec::new();
    for section in 1..=3 {
        for _ in 0..header.counts[section] {
            let fields = name_end(bytes, at)?;
            let data = fields + 10;
            let end = data + usize::from(word(bytes, fields + 8)?);
            bytes.get(at..end)?;
            records.push(Record {
                section,
                start: at,
                kind: word(bytes, fields)?,
                class: word(bytes, fields + 2)?,
                ttl_at: fields + 4,
                data: data..end,
            });
            at = end;
        }
    }
    Some(records)
}

/// The two bytes at this place, as a number.
pub(crate) fn word(bytes: &[u8], at: usize) -> Option<u16> {
    let bytes = bytes.get(at..at + 2)?.try_into().ok()?;
    Some(u16::from_be_bytes(bytes))
}

/// The four bytes at this place, as a number.
pub(crate) fn long(bytes: &[u8], at: usize) -> Option<u32> {
    let bytes = bytes.get(at..at + 4)?.try_into().ok()?;
    Some(u32::from_be_bytes(bytes))
}

/// Where the name that begins at `at` ends: behind its empty label, or behind a pointer to its rest.
fn name_end(bytes: &[u8], mut at: usize) -> Option<usize> {
    loop {
        match *bytes.get(at)? {
            0 => return Some(at + 1),
            length if length & POINTER == POINTER => {
                bytes.get(at + 1)?;
                return Some(at + 2);
            }
            length if length & POINTER == 0 => at += 1 + usize::from(length),
            _ => return None,
        }
    }
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
