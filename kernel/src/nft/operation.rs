//! What a message of a transaction does, in words.

use std::fmt;

/// What one message of a batch does, for the error that says it failed.
pub(super) enum Operation {
    AddTable,
    DeleteTable,
    AddSet(&'static str),
    AddChain(&'static str),
    DeleteChain(&'static str),
    AddRule(&'static str, &'static str),
    AddElements(usize, &'static str),
    DeleteElements(usize, &'static str),
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AddTable => f.write_str("add the table"),
            Self::DeleteTable => f.write_str("delete the table"),
            Self::AddSet(name) => write!(f, "add set {name}"),
            Self::AddChain(name) => write!(f, "add chain {name}"),
            Self::DeleteChain(name) => write!(f, "delete chain {name}"),
            Self::AddRule(comment, chain) => write!(f, "add the rule {comment:?} to chain {chain}"),
            Self::AddElements(count, set) => write!(f, "add {count} element(s) to {set}"),
            Self::DeleteElements(count, set) => write!(f, "delete {count} element(s) of {set}"),
        }
    }
}
