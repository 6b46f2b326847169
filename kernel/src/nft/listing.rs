//! A table in nft's words, laid out as `nft list table` does.

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};

use super::term::joined;
use super::{Chain, Element, Elements, Hook, Kind, Point, Set, Table};

/// A table with the elements of its sets; prints as `nft list table` would.
pub(crate) struct Listing<'a> {
    pub(crate) table: &'a Table,
    pub(crate) elements: &'a Elements,
}

impl fmt::Display for Listing<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "table {} {} {{", self.table.family, self.table.name)?;
        for set in &self.table.sets {
            let elements = self.elements.get(set.name).map_or(&[][..], Vec::as_slice);
            write_set(f, set, elements)?;
        }
        for (index, chain) in self.table.chains.iter().enumerate() {
            if index > 0 {
                writeln!(f)?;
            }
            write!(f, "{chain}")?;
        }
        writeln!(f, "}}")
    }
}

fn write_set(f: &mut fmt::Formatter<'_>, set: &Set, elements: &[Element]) -> fmt::Result {
    let (word, data) = match set.data {
        [] => ("set", String::new()),
        data => ("map", format!(" : {}", joined(data))),
    };
    writeln!(f, "\t{word} {} {{", set.name)?;
    writeln!(f, "\t\ttype {}{data}", joined(set.key))?;
    if set.intervals {
        writeln!(f, "\t\tflags interval")?;
    }
    writeln!(f, "\t\tcomment \"{}\"", set.comment)?;
    if !elements.is_empty() {
        let lines: Vec<String> = elements.iter().map(|element| set.show(element)).collect();
        writeln!(f, "\t\telements = {{ {} }}", lines.join(",\n\t\t\t     "))?;
    }
    writeln!(f, "\t}}\n")
}

impl Set {
    /// An element in nft's words.
    fn show(&self, element: &Element) -> String {
        let key = show(self.key, element.key.bytes(), element.end.bytes());
        match self.data {
            [] => key,
            data => format!("{key} : {}", show(data, element.data.bytes(), &[])),
        }
    }
}

/// Values side by side, or the interval from the first ones to the last ones.
fn show(kinds: &[Kind], mut first: &[u8], mut last: &[u8]) -> String {
    let part = |kind: &Kind| {
        let low = first.split_off(..kind.padded_len()).unwrap_or_default();
        match last.split_off(..kind.padded_len()) {
            Some(high) if high != low => kind.show_interval(low, high),
            _ => kind.show(low),
        }
    };
    joined(&kinds.iter().map(part).collect::<Vec<_>>())
}

impl Kind {
    /// A padded value in nft's words.
    fn show(self, value: &[u8]) -> String {
        match (self, value) {
            (Self::Family, [2, ..]) => "ipv4".to_owned(),
            (Self::Family, [10, ..]) => "ipv6".to_owned(),
            (Self::Ipv4, &[a, b, c, d]) => Ipv4Addr::new(a, b, c, d).to_string(),
            (Self::Protocol, [6, ..]) => "tcp".to_owned(),
            (Self::Protocol, [17, ..]) => "udp".to_owned(),
            (Self::Protocol, [132, ..]) => "sctp".to_owned(),
            (Self::Port, &[high, low, ..]) => u16::from_be_bytes([high, low]).to_string(),
            (Self::InterfaceName, value) => {
                let end = value.iter().position(|&byte| byte == 0);
                let name = &value[..end.unwrap_or(value.len())];
                format!("\"{}\"", String::from_utf8_lossy(name))
            }
            (_, value) => match <[u8; 16]>::try_from(value) {
                Ok(octets) => Ipv6Addr::from(octets).to_string(),
                Err(_) => format!("{value:02x?}"),
            },
        }
    }

    /// The interval from one padded value to another: a prefix of addresses, or ports.
    fn show_interval(self, low: &[u8], high: &[u8]) -> String {
        let common = low.iter().zip(high).map(|(one, other)| one ^ other);
        let mut differing = common.skip_while(|bits| *bits == 0);
        match self {
            Self::Ipv4 | Self::Ipv6 => {
                let in_first = differing.next().map_or(0, |bits| 8 - bits.leading_zeros());
                let host_bits = in_first as usize + 8 * differing.count();
                format!("{}/{}", self.show(low), 8 * low.len() - host_bits)
            }
            _ => format!("{}-{}", self.show(low), self.show(high)),
        }
    }
}

impl fmt::Display for Chain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "\tchain {} {{", self.name)?;
        if let Some(hook) = &self.hook {
            writeln!(f, "\t\t{hook}; policy accept;")?;
        }
        for rule in &self.rules {
            write!(f, "\t\t")?;
            for term in &rule.terms {
                write!(f, "{term} ")?;
            }
            writeln!(f, "comment \"{}\"", rule.comment)?;
        }
        writeln!(f, "\t}}")
    }
}

impl fmt::Display for Hook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (kind, point, priority) = match self {
            Self::Filter(point, priority) => ("filter", point, priority),
            Self::Nat(point, priority) => ("nat", point, priority),
        };
        write!(f, "type {kind} hook {point} priority ")?;
        // nft has names for the places of netfilter's own chains, and knows `dstnat` in prerouting only
        match (point, priority) {
            (_, -300) => f.write_str("raw"),
            (_, -150) => f.write_str("mangle"),
            (Point::Prerouting, -110) => f.write_str("dstnat - 10"),
            (_, -10) => f.write_str("filter - 10"),
            (Point::Prerouting, -100) => f.write_str("dstnat"),
            (_, 0) => f.write_str("filter"),
            (Point::Postrouting, 100) => f.write_str("srcnat"),
            (_, number) => write!(f, "{number}"),
        }
    }
}
