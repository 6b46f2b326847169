//! Real containers on the real kernel, each test with a run directory and control groups of its own.

mod crowd;
mod exec;
mod isolation;
mod lab;
mod lifecycle;
mod limits;
mod streams;
