//! `rnet`, the command.

fn main() {}
