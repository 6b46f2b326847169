//! The doors of rnet: the bundled runtime, and every way in from another one.
