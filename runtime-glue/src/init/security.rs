//! Giving up privileges: user, groups, capabilities, and the way to gain new ones.

use rustix::io::Result;
use rustix::process::Gid;
use rustix::thread::{self, CapabilitySet, CapabilitySets};

use super::Identity;
use crate::{Capabilities, RuntimeError};

/// The privileges a process is left with.
pub(crate) struct Privileges {
    keep: CapabilitySet,
    /// Each capability of our bounding set that goes.
    drop: Vec<CapabilitySet>,
    no_new: bool,
}

impl Privileges {
    /// Refuses capabilities this machine does not let us hand on.
    pub(crate) fn new(keep: Capabilities, no_new: bool) -> std::result::Result<Self, RuntimeError> {
        let available = Capabilities::available();
        let missing = keep.difference(available);
        if !missing.is_empty() {
            let reason = format!("{missing} cannot be given: the daemon itself is not allowed it");
            return Err(RuntimeError::InvalidSpec { reason });
        }
        let drop = available.difference(keep).each().collect();
        Ok(Self {
            keep: keep.kernel_set(),
            drop,
            no_new,
        })
    }

    /// Takes `identity` and nothing but these privileges, in the order that capabilities(7) asks for.
    ///
    /// The inheritable and ambient sets end up empty (CVE-2022-24769): the program of a user other than root gets
    /// no capabilities unless its file has some.
    pub(super) fn take(&self, identity: &Identity) -> Result<()> {
        rustix::process::umask(rustix::fs::Mode::from(0o022));
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
        thread::set_keep_capabilities(false)?;
        thread::clear_ambient_capability_set()?;
        let sets = CapabilitySets {
            effective: self.keep,
            permitted: self.keep,
            inheritable: CapabilitySet::empty(),
        };
        thread::set_capabilities(None, sets)?;
        if self.no_new {
            thread::set_no_new_privs(true)?;
        }
        Ok(())
    }
}
