//! The relay on real sockets, in a network namespace of each test's own.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod datagrams;
mod lab;
mod streams;
