//! The story of rnet.
