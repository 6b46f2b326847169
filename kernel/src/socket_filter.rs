//! Filters of sockets: what they drop is never queued, and wakes nobody (Documentation/networking/filter.rst).
//!
//! Of netlink's messages the kernel loads from a message as from a packet, in the network's byte order, and netlink's numbers are in the
//! host's: a number to compare with is to be given as `number.to_be()`.

use std::io;
use std::os::fd::AsFd;

use libc::{
    BPF_ABS, BPF_B, BPF_H, BPF_JEQ, BPF_JGT, BPF_JMP, BPF_JSET, BPF_K, BPF_LD, BPF_RET, BPF_W,
};
use socket2::{SockFilter, SockRef};

/// The message is not for this socket.
pub(crate) const DROP: SockFilter = step(BPF_RET | BPF_K, 0, 0, 0);
/// The message is queued whole.
pub(crate) const KEEP: SockFilter = step(BPF_RET | BPF_K, 0, 0, u32::MAX);

/// The 32 bits at an offset.
pub(crate) const fn load_word(offset: u32) -> SockFilter {
    step(BPF_LD | BPF_W | BPF_ABS, 0, 0, offset)
}

/// The 16 bits at an offset.
pub(crate) const fn load_half(offset: u32) -> SockFilter {
    step(BPF_LD | BPF_H | BPF_ABS, 0, 0, offset)
}

/// The 8 bits at an offset.
pub(crate) const fn load_byte(offset: u32) -> SockFilter {
    step(BPF_LD | BPF_B | BPF_ABS, 0, 0, offset)
}

/// Skips steps if what was loaded is another number.
pub(crate) const fn unless_equal(number: u32, skip: u8) -> SockFilter {
    step(BPF_JMP | BPF_JEQ | BPF_K, 0, skip, number)
}

/// Skips steps if what was loaded is that number.
pub(crate) const fn if_equal(number: u32, skip: u8) -> SockFilter {
    step(BPF_JMP | BPF_JEQ | BPF_K, skip, 0, number)
}

/// Skips steps if what was loaded is greater.
pub(crate) const fn if_greater(number: u32, skip: u8) -> SockFilter {
    step(BPF_JMP | BPF_JGT | BPF_K, skip, 0, number)
}

/// Skips steps if what was loaded has any of these bits.
pub(crate) const fn if_any(bits: u32, skip: u8) -> SockFilter {
    step(BPF_JMP | BPF_JSET | BPF_K, skip, 0, bits)
}

/// Filters what comes to a socket from now on, instead of what filter it had.
pub(crate) fn attach(socket: &impl AsFd, program: &[SockFilter]) -> io::Result<()> {
    SockRef::from(socket).attach_filter(program)
}

const fn step(code: u32, jt: u8, jf: u8, k: u32) -> SockFilter {
    SockFilter::new(code as u16, jt, jf, k)
}
