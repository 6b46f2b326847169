//! Conditions on the arguments of a call, as instructions of the kernel's classic packet filter.

use libc::{
    BPF_ABS, BPF_ALU, BPF_AND, BPF_JEQ, BPF_JGE, BPF_JGT, BPF_JMP, BPF_K, BPF_LD, BPF_W,
    sock_filter,
};

use super::profile::{Argument, Operator};

/// Where the arguments are (struct seccomp_data in include/uapi/linux/seccomp.h), eight bytes each.
const ARGUMENTS: u32 = 16;

/// An instruction.
pub(super) const fn instruction(code: u32, k: u32, jt: u8, jf: u8) -> sock_filter {
    let code = code as u16;
    sock_filter { code, jt, jf, k }
}

/// Loads four bytes.
pub(super) const fn load(offset: u32) -> sock_filter {
    instruction(BPF_LD | BPF_W | BPF_ABS, offset, 0, 0)
}

/// Goes on where the condition is met; else past `rest` instructions that follow.
pub(super) fn condition(argument: &Argument, rest: usize) -> Vec<sock_filter> {
    // little-endian, as both our architectures are
    let low = load(ARGUMENTS + 8 * argument.index);
    let high = load(ARGUMENTS + 8 * argument.index + 4);
    let (vh, vl) = halves(argument.value);
    let jump = |test, k, jt, jf| instruction(BPF_JMP | test | BPF_K, k, jt, jf);
    let mask = |k| instruction(BPF_ALU | BPF_AND | BPF_K, k, 0, 0);
    let miss = rest as u8; // at most six conditions of six instructions, and one more
    match argument.op {
        Operator::Equal => vec![
            high,
            jump(BPF_JEQ, vh, 0, miss + 2),
            low,
            jump(BPF_JEQ, vl, 0, miss),
        ],
        Operator::NotEqual => vec![
            high,
            jump(BPF_JEQ, vh, 0, 2),
            low,
            jump(BPF_JEQ, vl, miss, 0),
        ],
        Operator::MaskedEqual => {
            let (wh, wl) = halves(argument.value_two);
            vec![
                high,
                mask(vh),
                jump(BPF_JEQ, wh, 0, miss + 3),
                low,
                mask(vl),
                jump(BPF_JEQ, wl, 0, miss),
            ]
        }
        Operator::GreaterOrEqual | Operator::Greater => {
            let test = if argument.op == Operator::Greater {
                BPF_JGT
            } else {
                BPF_JGE
            };
            vec![
                high,
                jump(BPF_JGT, vh, 3, 0),
                jump(BPF_JEQ, vh, 0, miss + 2),
                low,
                jump(test, vl, 0, miss),
            ]
        }
        Operator::Less | Operator::LessOrEqual => {
            let test = if argument.op == Operator::Less {
                BPF_JGE
            } else {
                BPF_JGT
            };
            vec![
                high,
                jump(BPF_JGT, vh, miss + 3, 0),
                jump(BPF_JEQ, vh, 0, 2),
                low,
                jump(test, vl, miss, 0),
            ]
        }
    }
}

const fn halves(value: u64) -> (u32, u32) {
    ((value >> 32) as u32, value as u32)
}
