//! The architectures whose programs this machine runs, and the numbers their system calls have.

/// One architecture as a filter tells it.
pub(super) struct Arch {
    /// How the kernel tells it (include/uapi/linux/audit.h, AUDIT_ARCH_…).
    pub(super) audit: u32,
    /// How profiles call it.
    name: &'static str,
    /// The number of a call of that name.
    pub(super) number: fn(&str) -> Option<u32>,
    /// The greatest number there is: what is beyond is newer than this program.
    pub(super) last: u32,
}

/// Calls that the tables do not have: none.
const NONE: [(&str, u32); 0] = [];
/// Those that 32-bit ARM has beside the others (arch/arm/include/uapi/asm/unistd.h).
const ARM: [(&str, u32); 4] = [
    ("sync_file_range2", 341),
    ("breakpoint", 0xf_0001),
    ("cacheflush", 0xf_0002),
    ("set_tls", 0xf_0005),
];

macro_rules! arch {
    ($module:ident, $audit:expr, $name:expr, $own:expr) => {
        Arch {
            audit: $audit,
            name: $name,
            number: |name| {
                let found = name.parse::<syscalls::$module::Sysno>().ok();
                let own = || $own.iter().find(|own| own.0 == name).map(|own| own.1);
                found.and_then(|it| it.id().try_into().ok()).or_else(own)
            },
            last: syscalls::$module::Sysno::last() as u32,
        }
    };
}

/// This machine's own architecture.
#[cfg(target_arch = "x86_64")]
pub(super) const NATIVE: Arch = arch!(x86_64, 0xc000_003e, "SCMP_ARCH_X86_64", NONE);
/// The one whose programs it runs as well.
#[cfg(target_arch = "x86_64")]
const OTHER: Arch = arch!(x86, 0x4000_0003, "SCMP_ARCH_X86", NONE);
/// How Go calls it.
#[cfg(target_arch = "x86_64")]
pub(super) const GO_NAME: &str = "amd64";

/// This machine's own architecture.
#[cfg(target_arch = "aarch64")]
pub(super) const NATIVE: Arch = arch!(aarch64, 0xc000_00b7, "SCMP_ARCH_AARCH64", NONE);
/// The one whose programs it runs as well.
#[cfg(target_arch = "aarch64")]
const OTHER: Arch = arch!(arm, 0x4000_0028, "SCMP_ARCH_ARM", ARM);
/// How Go calls it.
#[cfg(target_arch = "aarch64")]
pub(super) const GO_NAME: &str = "arm64";

/// This machine's own architecture, and the other one if `named` names it.
pub(super) fn covered<'a>(mut named: impl Iterator<Item = &'a str>) -> Vec<Arch> {
    let mut all = vec![NATIVE];
    all.extend(named.any(|name| name == OTHER.name).then_some(OTHER));
    all
}

/// The architecture that others belong to on machines like this one.
pub(super) fn is_native(name: &str) -> bool {
    name == NATIVE.name
}

/// Whether any architecture we know has a call of that name.
pub(super) fn is_call(name: &str) -> bool {
    (NATIVE.number)(name).is_some()
        || (OTHER.number)(name).is_some()
        || name.parse::<syscalls::arm::Sysno>().is_ok()
        || ARM.iter().any(|arm| arm.0 == name)
}
