//! Tables, sets, chains, rules and elements as netlink messages.

use netlink_packet_core::{DefaultNla, Emitable, NLA_F_NESTED};
use netlink_packet_netfilter::nftables::{
    ChainAttribute, ChainMessage, DataAttribute, Hook as HookAttribute, HookNumber, ListAttribute,
    NfTablesMessage, RuleAttribute, RuleMessage, SetAttribute, SetDescription, SetElementAttribute,
    SetElementList, SetElementMessage, SetFlags, SetMessage, TableAttribute, TableMessage,
};

use super::{Chain, Element, Family, Hook, Kind, Rule, Set, Value};

const NF_ACCEPT: u32 = 1;
const NFTA_LIST_ELEM: u16 = 1;
const NFTA_SET_FIELD_LEN: u16 = 1;
const NFTA_DATA_VALUE: u16 = 1;
/// NFTNL_UDATA_SET_KEYBYTEORDER of libnftnl/udata.h: without it nft cannot print interface names.
const UDATA_SET_KEYBYTEORDER: u8 = 0;
const UDATA_SET_COMMENT: u8 = 7;
const UDATA_RULE_COMMENT: u8 = 0;
/// BYTEORDER_HOST_ENDIAN of nftables' include/datatype.h.
const HOST_ENDIAN: u32 = 1;

pub(super) fn table(name: &str) -> TableMessage {
    TableMessage {
        attributes: vec![TableAttribute::Name(name.to_owned())],
    }
}

/// A set with an identity of its own, so that it can be added by the transaction that fills it.
pub(super) fn set(table: &str, set: &Set, id: u32) -> NfTablesMessage {
    let mut attributes = vec![
        SetAttribute::Table(table.to_owned()),
        SetAttribute::Name(set.name.to_owned()),
        SetAttribute::KeyType(data_type(set.key)),
        SetAttribute::KeyLen(len(set.key)),
        SetAttribute::Id(id),
        SetAttribute::UserData(set_userdata(set)),
    ];
    let mut flags = SetFlags::empty();
    if !set.data.is_empty() {
        flags |= SetFlags::Map;
        attributes.push(SetAttribute::DataType(data_type(set.data)));
        attributes.push(SetAttribute::DataLen(len(set.data)));
    }
    if set.intervals {
        flags |= SetFlags::Interval | SetFlags::Concat;
        let parts = SetDescription::Concat(set.key.iter().map(part).collect());
        attributes.push(SetAttribute::Description(vec![parts]));
    }
    attributes.push(SetAttribute::Flags(flags));
    NfTablesMessage::NewSet(SetMessage { attributes })
}

pub(super) fn chain(table: &str, chain: &Chain) -> NfTablesMessage {
    let mut message = chain_name(table, chain);
    if let Some(hook) = &chain.hook {
        let (kind, number, priority) = match hook {
            Hook::Filter(point, priority) => ("filter", point.number(), priority),
            Hook::Nat(point, priority) => ("nat", point.number(), priority),
        };
        message.attributes.extend([
            ChainAttribute::Type(kind.to_owned()),
            ChainAttribute::Hook(vec![
                HookAttribute::Number(HookNumber::Inet(number)),
                HookAttribute::Priority(priority.cast_unsigned()),
            ]),
            ChainAttribute::Policy(NF_ACCEPT),
        ]);
    }
    NfTablesMessage::NewChain(message)
}

pub(super) fn chain_name(table: &str, chain: &Chain) -> ChainMessage {
    ChainMessage {
        attributes: vec![
            ChainAttribute::Table(table.to_owned()),
            ChainAttribute::Name(chain.name.to_owned()),
        ],
    }
}

pub(super) fn rule(family: Family, table: &str, chain: &str, rule: &Rule) -> NfTablesMessage {
    let expressions = rule.terms.iter().flat_map(|term| term.expressions(family));
    NfTablesMessage::NewRule(RuleMessage {
        attributes: vec![
            RuleAttribute::Table(table.to_owned()),
            RuleAttribute::Chain(chain.to_owned()),
            RuleAttribute::Expressions(expressions.map(ListAttribute::from).collect()),
            RuleAttribute::UserData(text(UDATA_RULE_COMMENT, rule.comment)),
        ],
    })
}

pub(super) fn elements(table: &str, set: &str, elements: &[Element]) -> SetElementMessage {
    let element = |element: &Element| {
        let mut attributes = vec![SetElementAttribute::Key(value(&element.key))];
        if element.end != Value::default() {
            let end = DefaultNla::new(NFTA_DATA_VALUE, element.end.bytes().to_vec());
            attributes.push(SetElementAttribute::KeyEnd(vec![end]));
        }
        if element.data != Value::default() {
            attributes.push(SetElementAttribute::Data(value(&element.data)));
        }
        ListAttribute::Element(attributes)
    };
    SetElementMessage {
        attributes: vec![
            SetElementList::Table(table.to_owned()),
            SetElementList::Set(set.to_owned()),
            SetElementList::Elements(elements.iter().map(element).collect()),
        ],
    }
}

fn value(value: &Value) -> DataAttribute {
    DataAttribute::Value(value.bytes().to_vec())
}

/// The length of one part of a key, as intervals need to know it: NFTA_LIST_ELEM with NFTA_SET_FIELD_LEN in it.
fn part(kind: &Kind) -> DefaultNla {
    let length = DefaultNla::new(NFTA_SET_FIELD_LEN, (kind.len() as u32).to_be_bytes().into());
    let mut bytes = vec![0; length.buffer_len()];
    length.emit(&mut bytes);
    DefaultNla::new(NFTA_LIST_ELEM | NLA_F_NESTED, bytes)
}

/// nft's number of a concatenation: six bits a part (TYPE_BITS of include/datatype.h).
fn data_type(kinds: &[Kind]) -> u32 {
    kinds
        .iter()
        .fold(0, |number, kind| number << 6 | kind.number())
}

fn len(kinds: &[Kind]) -> u32 {
    kinds.iter().map(|kind| kind.padded_len() as u32).sum()
}

fn set_userdata(set: &Set) -> Vec<u8> {
    let mut userdata = Vec::new();
    if set.key == [Kind::InterfaceName] {
        userdata.extend([UDATA_SET_KEYBYTEORDER, 4]);
        userdata.extend(HOST_ENDIAN.to_ne_bytes());
    }
    userdata.extend(text(UDATA_SET_COMMENT, set.comment));
    userdata
}

/// A text in the layout of nft's user data: type, length, the text with its NUL.
fn text(kind: u8, text: &str) -> Vec<u8> {
    let mut userdata = vec![kind, text.len() as u8 + 1];
    userdata.extend(text.as_bytes());
    userdata.push(0);
    userdata
}
