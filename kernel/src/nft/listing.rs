//! A table in nft's words, laid out as `nft list table` does.

use std::fmt;

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
        let key = show(self.key, &element.key);
        match self.data {
            [] => key,
            data => format!("{key} : {}", show(data, &element.data)),
        }
    }
}

fn show(kinds: &[Kind], mut value: &[u8]) -> String {
    let part = |kind: &Kind| {
        let (part, rest) = value.split_at(kind.padded_len());
        value = rest;
        kind.show(part)
    };
    joined(&kinds.iter().map(part).collect::<Vec<_>>())
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
            (Point::Prerouting, -100) => f.write_str("dstnat"),
            (_, 0) => f.write_str("filter"),
            (Point::Postrouting, 100) => f.write_str("srcnat"),
            (_, number) => write!(f, "{number}"),
        }
    }
}
