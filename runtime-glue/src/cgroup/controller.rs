//! What can be limited, and by which of the two interfaces that kernels have for it.

/// Which interface a hierarchy has.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Version {
    /// One of many, with some of the controllers (Documentation/admin-guide/cgroup-v1).
    One,
    /// The unified one (Documentation/admin-guide/cgroup-v2.rst).
    Two,
}

/// What a container's processes can be limited in, or counted by.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Controller {
    Memory,
    Cpu,
    CpuAccounting,
    CpuSet,
    Pids,
    Io,
    Freezer,
}

impl Controller {
    /// Those that limits are set by.
    pub(super) const LIMITING: [Self; 5] =
        [Self::Memory, Self::Cpu, Self::CpuSet, Self::Pids, Self::Io];

    /// Its name among a hierarchy's controllers.
    pub(super) const fn name(self, version: Version) -> &'static str {
        match (self, version) {
            (Self::Memory, _) => "memory",
            (Self::CpuAccounting, Version::One) => "cpuacct",
            (Self::Cpu | Self::CpuAccounting, _) => "cpu",
            (Self::CpuSet, _) => "cpuset",
            (Self::Pids, _) => "pids",
            (Self::Io, Version::One) => "blkio",
            (Self::Io, Version::Two) => "io",
            (Self::Freezer, _) => "freezer",
        }
    }
}
