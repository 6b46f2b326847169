//! The image store, on a real file system; needs root, to give files to others.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod archive;
mod bundle;
mod hostile;
mod kept;
mod load;
mod store;
