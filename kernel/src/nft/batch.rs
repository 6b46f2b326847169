//! A transaction: messages the kernel obeys all or none of.

use std::io;

use netlink_packet_core::{
    NLM_F_ACK, NLM_F_APPEND, NLM_F_CREATE, NLM_F_EXCL, NLM_F_NONREC, NLM_F_REQUEST,
};
use netlink_packet_core::{NetlinkHeader, NetlinkMessage};
use netlink_packet_netfilter::nftables::NfTablesMessage;
use netlink_packet_netfilter::none::ControlMessage;
use netlink_packet_netfilter::{
    NetfilterHeader, NetfilterMessage, NetfilterMessageInner, NetfilterProtoFamily,
};
use netlink_sys::Socket;

use super::operation::Operation;
use super::socket::{Reply, exchange};
use super::{Chain, Element, Elements, Family, Rule, Set, Table, message};
use crate::KernelError;

/// NFNL_SUBSYS_NFTABLES of linux/netfilter/nfnetlink.h.
const SUBSYSTEM: u16 = 10;
/// A list of elements is one attribute, whose length is a u16; the largest element takes 96 bytes.
const ELEMENTS_PER_MESSAGE: usize = 500;
/// How often a transaction is tried that met another one.
const ATTEMPTS: usize = 5;

/// Changes of one table, in order.
pub(crate) struct Batch {
    family: Family,
    table: &'static str,
    bytes: Vec<u8>,
    /// What each message does; the sequence number of a message is one more than its index.
    operations: Vec<Operation>,
    /// Where the last message starts.
    last: usize,
}

/// The first operation that was refused, and why.
struct Refused {
    operation: String,
    source: io::Error,
}

impl Batch {
    /// An empty transaction on a table.
    pub(crate) fn new(family: Family, table: &'static str) -> Self {
        let mut batch = Self {
            family,
            table,
            bytes: Vec::with_capacity(4096),
            operations: Vec::new(),
            last: 0,
        };
        batch.control(ControlMessage::BatchBegin);
        batch
    }

    /// Makes the table, which must not exist; its elements are added after.
    pub(crate) fn create(&mut self, table: &Table) {
        self.add_table(NLM_F_EXCL);
        for (id, set) in (1..).zip(&table.sets) {
            self.add_set(set, id);
        }
        for chain in &table.chains {
            self.add_chain(chain);
        }
        for chain in &table.chains {
            for rule in &chain.rules {
                self.add_rule(chain.name, rule);
            }
        }
    }

    /// Makes the table what this one is, whatever it was.
    pub(crate) fn replace(&mut self, table: &Table) {
        self.delete_table();
        self.create(table);
    }

    /// Makes the table not exist.
    pub(crate) fn delete_table(&mut self) {
        // what exists can be deleted, so it is made to exist first: DESTROYTABLE is of Linux 6.3 only
        self.add_table(0);
        let message = NfTablesMessage::DeleteTable(message::table(self.table));
        self.push(Operation::DeleteTable, message, 0);
    }

    /// Makes the table not exist, which must have these chains, nothing in them, and nothing else.
    pub(crate) fn delete_empty(&mut self, table: &Table) {
        for chain in &table.chains {
            let message = NfTablesMessage::DeleteChain(message::chain_name(self.table, chain));
            self.push(Operation::DeleteChain(chain.name), message, NLM_F_NONREC);
        }
        let message = NfTablesMessage::DeleteTable(message::table(self.table));
        self.push(Operation::DeleteTable, message, NLM_F_NONREC);
    }

    /// Adds elements to the sets of these names.
    pub(crate) fn add(&mut self, elements: &Elements) {
        for (set, elements) in elements {
            for chunk in elements.chunks(ELEMENTS_PER_MESSAGE) {
                let message = message::elements(self.table, set, chunk);
                let message = NfTablesMessage::NewSetElement(message);
                let operation = Operation::AddElements(chunk.len(), set);
                self.push(operation, message, NLM_F_CREATE);
            }
        }
    }

    /// Deletes elements from the sets of these names.
    pub(crate) fn delete(&mut self, elements: &Elements) {
        for (set, elements) in elements {
            for chunk in elements.chunks(ELEMENTS_PER_MESSAGE) {
                let keys: Vec<Element> = chunk.iter().map(Element::without_data).collect();
                let message = message::elements(self.table, set, &keys);
                let message = NfTablesMessage::DeleteSetElement(message);
                self.push(Operation::DeleteElements(chunk.len(), set), message, 0);
            }
        }
    }

    /// Has the kernel do all of it, or none. The error names the operation that was refused.
    pub(crate) fn commit(mut self, socket: &Socket) -> Result<(), KernelError> {
        self.acknowledge_last();
        self.control(ControlMessage::BatchEnd);
        let mut outcome = self.attempt(socket);
        for _ in 1..ATTEMPTS {
            if !outcome.as_ref().is_err_and(Refused::may_be_otherwise_soon) {
                break;
            }
            std::thread::yield_now();
            outcome = self.attempt(socket);
        }
        outcome.map_err(|refused| KernelError::Nftables {
            operation: refused.operation,
            table: self.table,
            source: refused.source,
        })
    }

    fn attempt(&self, socket: &Socket) -> Result<(), Refused> {
        let whole = |source| Refused {
            operation: "commit the changes".to_owned(),
            source,
        };
        let replies = exchange(socket, &self.bytes).map_err(whole)?;
        // the kernel goes on after a refusal, and what it refuses then may only be a consequence
        let Some(Reply { sequence, code }) = replies.iter().find(|reply| reply.code != 0) else {
            let silence = || whole(io::Error::other("the kernel gave no answer"));
            return replies.first().map(drop).ok_or_else(silence);
        };
        let source = io::Error::from_raw_os_error(-code);
        // the batch's begin and end have no operation
        let operation = self.operations.get((*sequence as usize).wrapping_sub(1));
        Err(match operation {
            None => whole(source),
            Some(operation) => Refused {
                operation: operation.to_string(),
                source,
            },
        })
    }

    fn add_table(&mut self, flags: u16) {
        let message = NfTablesMessage::NewTable(message::table(self.table));
        self.push(Operation::AddTable, message, NLM_F_CREATE | flags);
    }

    fn add_set(&mut self, set: &Set, id: u32) {
        let message = message::set(self.table, set, id);
        self.push(Operation::AddSet(set.name), message, NLM_F_CREATE);
    }

    fn add_chain(&mut self, chain: &Chain) {
        let message = message::chain(self.table, chain);
        self.push(Operation::AddChain(chain.name), message, NLM_F_CREATE);
    }

    fn add_rule(&mut self, chain: &'static str, rule: &Rule) {
        let message = message::rule(self.family, self.table, chain, rule);
        let operation = Operation::AddRule(rule.comment, chain);
        self.push(operation, message, NLM_F_CREATE | NLM_F_APPEND);
    }

    fn push(&mut self, operation: Operation, message: NfTablesMessage, flags: u16) {
        self.operations.push(operation);
        self.last = self.bytes.len();
        let header = NetfilterHeader::new(self.family.number(), 0, 0);
        self.emit(header, message.into(), flags);
    }

    fn control(&mut self, message: ControlMessage) {
        let header = NetfilterHeader::new(NetfilterProtoFamily::Unspec, 0, SUBSYSTEM);
        self.emit(header, message.into(), 0);
    }

    fn emit(&mut self, header: NetfilterHeader, message: NetfilterMessageInner, flags: u16) {
        let mut netlink = NetlinkHeader::default();
        netlink.flags = NLM_F_REQUEST | flags;
        netlink.sequence_number = self.operations.len() as u32;
        let payload = NetfilterMessage::new(header, message).into();
        let mut message = NetlinkMessage::new(netlink, payload);
        message.finalize();
        let start = self.bytes.len();
        self.bytes.resize(start + message.buffer_len(), 0);
        message.serialize(&mut self.bytes[start..]);
    }

    /// Asks for the one reply that says all went well; acknowledging the batch's end is of Linux 6.10 only.
    fn acknowledge_last(&mut self) {
        // nlmsg_flags follows the length (u32) and the type (u16)
        let flags = &mut self.bytes[self.last + 6..self.last + 8];
        let asked = u16::from_ne_bytes([flags[0], flags[1]]) | NLM_F_ACK;
        flags.copy_from_slice(&asked.to_ne_bytes());
    }
}

impl Refused {
    /// Whether another transaction was in the way.
    fn may_be_otherwise_soon(&self) -> bool {
        let busy = [libc::EBUSY, libc::ERESTART, libc::EINTR];
        self.source
            .raw_os_error()
            .is_some_and(|code| busy.contains(&code))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nft::lonely::in_a_namespace_of_its_own;
    use crate::nft::{Kind, Value, open, stands};

    const TABLE: &str = "rnet_test";

    fn ports(numbers: impl IntoIterator<Item = u16>) -> Elements {
        let element = |number| Element {
            key: Value::default().port(number),
            ..Element::default()
        };
        [("ports", numbers.into_iter().map(element).collect())].into()
    }

    fn table() -> Table {
        let set = Set {
            name: "ports",
            comment: "of a test",
            key: &[Kind::Port],
            data: &[],
            intervals: false,
        };
        Table {
            family: Family::Inet,
            name: TABLE,
            sets: vec![set],
            chains: vec![],
        }
    }

    #[test]
    fn a_refused_operation_is_named_and_nothing_of_its_transaction_is_done() {
        in_a_namespace_of_its_own(|| {
            let socket = open().unwrap();
            let mut batch = Batch::new(Family::Inet, TABLE);
            batch.replace(&table());
            batch.add(&ports([80]));
            batch.add(&[("nosuch", ports([80])["ports"].clone())].into());
            let error = batch.commit(&socket).unwrap_err();
            assert_eq!(
                error.to_string(),
                "nftables refused to add 1 element(s) to nosuch (table rnet_test)"
            );
            assert!(!stands(&socket, Family::Inet, TABLE).unwrap());
        });
    }

    #[test]
    fn every_port_there_is_fits_one_transaction_and_can_be_deleted_again() {
        in_a_namespace_of_its_own(|| {
            let socket = open().unwrap();
            let mut batch = Batch::new(Family::Inet, TABLE);
            batch.replace(&table());
            batch.add(&ports(0..=u16::MAX));
            batch.commit(&socket).unwrap();

            let delete = |numbers: &Elements| {
                let mut batch = Batch::new(Family::Inet, TABLE);
                batch.delete(numbers);
                batch.commit(&socket)
            };
            delete(&ports(0..=u16::MAX)).unwrap();
            let error = delete(&ports([80])).unwrap_err();
            assert_eq!(
                error.to_string(),
                "nftables refused to delete 1 element(s) of ports (table rnet_test)"
            );
        });
    }

    #[test]
    fn a_deluge_of_refusals_is_an_error_too() {
        in_a_namespace_of_its_own(|| {
            let socket = open().unwrap();
            let mut batch = Batch::new(Family::Inet, TABLE);
            for _ in 0..5000 {
                batch.add(&ports([80]));
            }
            let error = batch.commit(&socket).unwrap_err();
            assert!(
                error.to_string().contains("add 1 element(s) to ports"),
                "{error}"
            );
        });
    }
}
