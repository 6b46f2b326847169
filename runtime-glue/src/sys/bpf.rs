//! Programs for the kernel's virtual machine: as much of it as a filter of devices needs (bpf(2);
//! Documentation/bpf/standardization/instruction-set.rst).

use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

use rustix::io::Result;

use super::checked;

const PROG_LOAD: i32 = 5;
const PROG_ATTACH: i32 = 8;
const TYPE_CGROUP_DEVICE: u32 = 15;
const ATTACH_CGROUP_DEVICE: u32 = 6;

/// One register, by what a filter has in it.
#[derive(Clone, Copy)]
pub(crate) struct Register(u8);

impl Register {
    pub(crate) const RESULT: Self = Self(0);
    pub(crate) const CONTEXT: Self = Self(1);
    pub(crate) const KIND: Self = Self(2);
    pub(crate) const ACCESS: Self = Self(3);
    pub(crate) const MAJOR: Self = Self(4);
    pub(crate) const MINOR: Self = Self(5);
    pub(crate) const SCRATCH: Self = Self(6);
}

/// One instruction (struct bpf_insn).
#[derive(Clone, Copy)]
#[repr(C)]
pub(crate) struct Instruction {
    code: u8,
    registers: u8,
    offset: i16,
    immediate: i32,
}

impl Instruction {
    const fn new(code: u8, to: Register, from: Register, offset: i16, immediate: i32) -> Self {
        Self {
            code,
            registers: to.0 | from.0 << 4,
            offset,
            immediate,
        }
    }

    const fn with(code: u8, register: Register, offset: i16, immediate: i32) -> Self {
        Self::new(code, register, Register(0), offset, immediate)
    }

    /// Loads four bytes.
    pub(crate) const fn load(to: Register, from: Register, offset: i16) -> Self {
        Self::new(0x61, to, from, offset, 0)
    }

    pub(crate) const fn copy(to: Register, from: Register) -> Self {
        Self::new(0xbf, to, from, 0, 0)
    }

    pub(crate) const fn set(register: Register, value: i32) -> Self {
        Self::with(0xb7, register, 0, value)
    }

    pub(crate) const fn and(register: Register, mask: i32) -> Self {
        Self::with(0x54, register, 0, mask)
    }

    pub(crate) const fn shift_right(register: Register, bits: i32) -> Self {
        Self::with(0x74, register, 0, bits)
    }

    /// Skips `past` instructions unless the low half of a register has a value.
    pub(crate) const fn jump_unless_equal(register: Register, value: i32, past: i16) -> Self {
        Self::with(0x56, register, past, value)
    }

    /// Skips `past` instructions.
    pub(crate) const fn jump(past: i16) -> Self {
        Self::with(0x05, Register(0), past, 0)
    }

    pub(crate) const fn exit() -> Self {
        Self::with(0x95, Register(0), 0, 0)
    }
}

/// The part of union bpf_attr that loads a program.
#[repr(C)]
struct Load {
    kind: u32,
    count: u32,
    instructions: u64,
    license: u64,
    log_level: u32,
    log_size: u32,
    log: u64,
    kernel_version: u32,
    flags: u32,
}

/// The part of union bpf_attr that attaches one.
#[repr(C)]
struct Attach {
    target: u32,
    program: u32,
    kind: u32,
    flags: u32,
}

/// A filter of devices, as the kernel took it.
#[expect(unsafe_code, reason = "bpf has no wrapper in rustix")]
pub(crate) fn load_device_filter(instructions: &[Instruction]) -> Result<OwnedFd> {
    let attr = Load {
        kind: TYPE_CGROUP_DEVICE,
        count: instructions.len() as u32,
        instructions: instructions.as_ptr() as u64,
        license: c"Apache-2.0".as_ptr() as u64,
        log_level: 0,
        log_size: 0,
        log: 0,
        kernel_version: 0,
        flags: 0,
    };
    // SAFETY: all that `attr` points to outlives the call; what it leaves out the kernel takes as zero.
    let fd = checked(unsafe {
        libc::syscall(libc::SYS_bpf, PROG_LOAD, &raw const attr, size_of::<Load>())
    })?;
    // SAFETY: the kernel has just made this descriptor for us.
    Ok(unsafe { OwnedFd::from_raw_fd(fd as i32) })
}

/// Lets a filter decide for a group and those below it; it goes with the group.
#[expect(unsafe_code, reason = "bpf has no wrapper in rustix")]
pub(crate) fn attach_device_filter(cgroup: BorrowedFd<'_>, program: BorrowedFd<'_>) -> Result<()> {
    let attr = Attach {
        target: cgroup.as_raw_fd() as u32,
        program: program.as_raw_fd() as u32,
        kind: ATTACH_CGROUP_DEVICE,
        flags: 0,
    };
    // SAFETY: `attr` outlives the call, and has only numbers.
    checked(unsafe {
        libc::syscall(
            libc::SYS_bpf,
            PROG_ATTACH,
            &raw const attr,
            size_of::<Attach>(),
        )
    })
    .map(drop)
}
