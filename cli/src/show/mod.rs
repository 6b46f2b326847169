//! What is shown: templates, tables, and times and sizes for people.

pub(crate) mod human;
pub(crate) mod listing;
pub(crate) mod output;
pub(crate) mod ports;
pub(crate) mod progress;
pub(crate) mod template;
