//! Giving up privileges: user, groups, capabilities, system calls, and the way to gain new ones.

use libc::sock_filter;
use rustix::io::Result;
use rustix::process::Gid;
use rustix::thread::{self, CapabilitySet, CapabilitySets};

use super::Identity;
use crate::spec::Spec;
use crate::{Capabilities, RuntimeError, sys};

/// The privileges a process is left with.
pub(crate) struct Privileges {
    bounding: Capabilities,
    keep: CapabilitySets,
    ambient: Capabilities,
    no_new: bool,
    /// The system calls it may make; none for all.
    filter: Option<Vec<sock_filter>>,
}

/// The five sets of capabilities(7).
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Sets {
    pub(crate) bounding: Capabilities,
    pub(crate) effective: Capabilities,
    pub(crate) permitted: Capabilities,
    pub(crate) inheritable: Capabilities,
    pub(crate) ambient: Capabilities,
}

/// How a process becomes its user.
pub(crate) struct Identification {
    /// Each capability that goes from the bounding set.
    drop: Vec<CapabilitySet>,
    umask: u32,
}

impl Privileges {
    /// Those of every process of a container; refuses capabilities this machine does not let us hand on.
    ///
    /// The inheritable and ambient sets are empty (CVE-2022-24769): the program of a user other than root gets no
    /// capabilities unless its file has some.
    pub(crate) fn of(spec: &Spec) -> std::result::Result<Self, RuntimeError> {
        let keep = spec.capabilities;
        let missing = keep.difference(Capabilities::available());
        if !missing.is_empty() {
            let reason = format!("{missing} cannot be given: the daemon itself is not allowed it");
            return Err(RuntimeError::InvalidSpec { reason });
        }
        let filter = spec.seccomp.filter(keep)?;
        Ok(Self::new(&alike(keep), spec.no_new_privileges, filter))
    }

    /// Those of a process that may do all there is to be done in a container.
    pub(crate) fn all(spec: &Spec) -> std::result::Result<Self, RuntimeError> {
        let own = Self::of(spec)?;
        let sets = alike(Capabilities::available());
        Ok(Self::new(&sets, own.no_new, own.filter))
    }

    /// These and no others.
    pub(crate) fn new(sets: &Sets, no_new: bool, filter: Option<Vec<sock_filter>>) -> Self {
        Self {
            bounding: sets.bounding,
            keep: CapabilitySets {
                effective: sets.effective.kernel_set(),
                permitted: sets.permitted.kernel_set(),
                inheritable: sets.inheritable.kernel_set(),
            },
            ambient: sets.ambient,
            no_new,
            filter,
        }
    }

    /// What goes with becoming the user already.
    pub(crate) fn identity(&self) -> Identification {
        let drop = Capabilities::known().difference(self.bounding);
        Identification {
            drop: drop.each().collect(),
            umask: 0o022,
        }
    }

    /// Keeps nothing but these privileges.
    pub(super) fn take(&self) -> Result<()> {
        thread::clear_ambient_capability_set()?;
        if self.no_new {
            // then no privilege is needed to filter, and the filter need let through nothing but the program's start
            self.keep()?;
            thread::set_no_new_privs(true)?;
            return self.filter.as_deref().map_or(Ok(()), sys::filter_calls);
        }
        if let Some(filter) = &self.filter {
            let all = thread::capabilities(None)?.permitted;
            let able = CapabilitySets {
                effective: all,
                permitted: all,
                inheritable: CapabilitySet::empty(),
            };
            thread::set_capabilities(None, able)?;
            sys::filter_calls(filter)?;
        }
        self.keep()
    }

    /// Keeps no capabilities but these.
    pub(super) fn keep(&self) -> Result<()> {
        thread::set_capabilities(None, self.keep)?;
        let mut ambient = self.ambient.each();
        ambient.try_for_each(|one| thread::configure_capability_in_ambient_set(one, true))
    }
}

impl Identification {
    /// With another mask for the modes of new files.
    pub(crate) fn masking(self, umask: u32) -> Self {
        Self { umask, ..self }
    }

    /// Becomes `identity`, in the order that capabilities(7) asks for; what capabilities there are stay permitted.
    pub(super) fn take(&self, identity: &Identity) -> Result<()> {
        rustix::process::umask(rustix::fs::Mode::from(self.umask));
        for capability in &self.drop {
            thread::remove_capability_from_bounding_set(*capability)?;
        }
        thread::set_keep_capabilities(true)?;
        let mut groups = [Gid::ROOT; 64];
        let count = identity.groups().len();
        for (place, group) in groups.iter_mut().zip(identity.groups()) {
            *place = group;
        }
        thread::set_thread_groups(&groups[..count])?;
        let (uid, gid) = (identity.uid(), identity.gid());
        thread::set_thread_res_gid(gid, gid, gid)?;
        thread::set_thread_res_uid(uid, uid, uid)?;
        thread::set_keep_capabilities(false)
    }
}

/// What root needs to have some capabilities.
fn alike(keep: Capabilities) -> Sets {
    Sets {
        bounding: keep,
        effective: keep,
        permitted: keep,
        ..Sets::default()
    }
}
