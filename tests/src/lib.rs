//! End to end: rnet in a private lab host.
