//! Real containers on the real kernel, each test with a run directory and control groups of its own.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod crowd;
mod devices;
mod exec;
mod isolation;
mod keep;
mod lab;
mod lifecycle;
mod limits;
mod streams;
