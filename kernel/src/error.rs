//! What can go wrong between rnet and the kernel.

/// An operation that failed, with its object.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KernelError {}
