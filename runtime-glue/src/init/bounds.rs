//! What a process may use up by itself, and variables of the kernel that namespaces have for themselves.

use std::ffi::CString;
use std::fmt;
use std::os::fd::BorrowedFd;

use rustix::fs::{Mode, OFlags};
use rustix::io::Result;
use rustix::process::{Resource, Rlimit, setrlimit};

use super::Target;
use crate::RuntimeError;
use crate::spec::Spec;

/// The limits of every process of a container.
pub(crate) struct Bounds {
    limits: Vec<(Resource, Rlimit)>,
    /// As it is written to the kernel.
    oom_score_adj: Option<CString>,
    names: String,
}

impl Bounds {
    /// Those that `spec` asks for.
    pub(crate) fn of(spec: &Spec) -> std::result::Result<Self, RuntimeError> {
        let limits = spec.rlimits.iter().map(|limit| {
            let rlimit = Rlimit {
                current: limit.soft,
                maximum: limit.hard,
            };
            (limit.resource.kernel(), rlimit)
        });
        let score = spec
            .oom_score_adj
            .map(|score| CString::new(score.to_string()));
        let mut names: Vec<_> = spec
            .rlimits
            .iter()
            .map(|it| format!("the limit {it}"))
            .collect();
        names.extend(
            spec.oom_score_adj
                .map(|it| format!("the OOM score adjustment {it}")),
        );
        Ok(Self {
            limits: limits.collect(),
            oom_score_adj: score
                .transpose()
                .map_err(RuntimeError::step("write a number"))?,
            names: names.join(", "),
        })
    }

    /// Takes them; raising one takes CAP_SYS_RESOURCE.
    pub(super) fn take(&self) -> Result<()> {
        if let Some(score) = &self.oom_score_adj {
            let flags = OFlags::WRONLY | OFlags::CLOEXEC;
            let file = rustix::fs::open(c"/proc/self/oom_score_adj", flags, Mode::empty())?;
            rustix::io::write(&file, score.as_bytes())?;
        }
        self.limits
            .iter()
            .try_for_each(|(resource, limit)| setrlimit(*resource, *limit))
    }
}

impl fmt::Display for Bounds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.names)
    }
}

/// One variable of the kernel and its value.
pub(crate) struct Sysctl {
    name: String,
    value: String,
    target: Target,
}

impl Sysctl {
    /// `name` has dots between its parts, as sysctl(8) has it.
    pub(crate) fn new(name: &str, value: &str) -> std::result::Result<Self, RuntimeError> {
        Ok(Self {
            name: name.to_owned(),
            value: value.to_owned(),
            target: Target::new(&format!("/proc/sys/{}", name.replace('.', "/")))?,
        })
    }

    /// Sets it, before /proc/sys is protected.
    pub(super) fn set(&self, root: BorrowedFd<'_>) -> Result<()> {
        let flags = OFlags::WRONLY | OFlags::CLOEXEC;
        let file = self.target.open(root, flags, Mode::empty())?;
        rustix::io::write(&file, self.value.as_bytes()).map(drop)
    }
}

impl fmt::Display for Sysctl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the kernel's variable {} to {:?}", self.name, self.value)
    }
}
