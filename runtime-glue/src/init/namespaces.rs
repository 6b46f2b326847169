//! The namespaces of a new process: some are made with it, and some it is put into.

use std::fs;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::PathBuf;

use rustix::io::{Errno, Result};
use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType};
use rustix::process::{Pid, PidfdFlags, WaitId, WaitIdOptions, pidfd_open, waitid};
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

use crate::idmap::{self, IdMaps};
use crate::{RuntimeError, sys};

/// Which namespaces a process is made in; those of its maker where nothing is said.
#[derive(Default)]
pub(crate) struct Namespaces {
    /// Made with it (CLONE_NEW…).
    pub(crate) new: i32,
    /// The user namespace that owns them.
    pub(crate) user: Option<User>,
    /// Pinned ones it is put into, with the rights of its maker; neither mount nor user namespaces.
    pub(crate) joined: Vec<Pinned>,
    /// How far the clocks of a new time namespace are off, as the kernel reads it (time_namespaces(7)).
    pub(crate) clocks: Option<String>,
}

/// The user namespace of a process.
pub(crate) enum User {
    /// One of its own.
    New(IdMaps),
    /// A pinned one.
    Pinned(Pinned),
}

/// A namespace that exists.
pub(crate) struct Pinned {
    /// Where it was found.
    pub(crate) path: PathBuf,
    pub(crate) namespace: OwnedFd,
    pub(crate) kind: LinkNameSpaceType,
}

impl Pinned {
    /// The namespace at a path.
    pub(crate) fn open(
        path: PathBuf,
        kind: LinkNameSpaceType,
    ) -> std::result::Result<Self, RuntimeError> {
        let opened = fs::File::open(&path).map_err(RuntimeError::file("open", &path))?;
        Ok(Self {
            path,
            namespace: opened.into(),
            kind,
        })
    }

    pub(crate) fn join(&self) -> Result<()> {
        move_into_link_name_space(self.namespace.as_fd(), Some(self.kind))
    }

    fn failed(&self) -> impl FnOnce(Errno) -> RuntimeError + use<> {
        RuntimeError::step(format!("join the namespace {}", self.path.display()))
    }
}

impl Namespaces {
    /// Makes a copy of this process in them; both go on.
    ///
    /// A child in a user namespace of its own must wait for [`Self::settle`] before it does anything.
    ///
    /// **Contract:** this process has one thread.
    pub(super) fn make(
        &self,
        cgroup: Option<BorrowedFd<'_>>,
    ) -> std::result::Result<sys::Clone, RuntimeError> {
        if let Some(User::Pinned(user)) = &self.user {
            return self.make_below(user, cgroup);
        }
        let mut new = self.new;
        if let Some(User::New(_)) = self.user {
            new |= libc::CLONE_NEWUSER;
        }
        let mut way_back = Vec::new();
        let left = self.enter(&mut way_back);
        let cloned = left.and_then(|()| {
            if self.clocks.is_some() {
                new &= !libc::CLONE_NEWTIME;
            }
            sys::clone(new, cgroup).map_err(RuntimeError::step("make a process"))
        });
        if let Ok(sys::Clone::Child) = cloned {
            return cloned;
        }
        for own in way_back.iter().rev() {
            own.join().map_err(own.failed())?;
        }
        cloned
    }

    /// Says who is who in the user namespace of its own that a new process is in.
    pub(super) fn settle(&self, pid: Pid) -> std::result::Result<(), RuntimeError> {
        let Some(User::New(maps)) = &self.user else {
            return Ok(());
        };
        for (file, ranges) in [("uid_map", &maps.users), ("gid_map", &maps.groups)] {
            let file = format!("/proc/{}/{file}", pid.as_raw_nonzero());
            fs::write(&file, idmap::text(ranges)).map_err(RuntimeError::file("write", file))?;
        }
        Ok(())
    }

    /// Takes this process, or its future children, into what it is to share; `way_back` leads out again.
    fn enter(&self, way_back: &mut Vec<Pinned>) -> std::result::Result<(), RuntimeError> {
        for pinned in &self.joined {
            way_back.push(own(pinned.kind)?);
            pinned.join().map_err(pinned.failed())?;
        }
        if let Some(clocks) = &self.clocks {
            way_back.push(own(LinkNameSpaceType::Time)?);
            let failed = RuntimeError::step("make a time namespace");
            sys::unshare(rustix::thread::UnshareFlags::NEWTIME).map_err(failed)?;
            let file = "/proc/self/timens_offsets";
            fs::write(file, clocks).map_err(RuntimeError::file("write", file))?;
        }
        Ok(())
    }

    /// Makes it by way of a process between: whoever goes into a user namespace cannot come back.
    fn make_below(
        &self,
        user: &Pinned,
        cgroup: Option<BorrowedFd<'_>>,
    ) -> std::result::Result<sys::Clone, RuntimeError> {
        let close = SocketFlags::CLOEXEC;
        let failed = || RuntimeError::step("make a process");
        let pair = rustix::net::socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, close, None);
        let (ours, theirs) = pair.map_err(failed())?;
        let between = match sys::clone(0, cgroup).map_err(failed())? {
            sys::Clone::Parent { pidfd, .. } => pidfd,
            sys::Clone::Child => {
                let made = self.enter(&mut Vec::new()).map_err(|_| Errno::PERM);
                let made = made.and_then(|()| user.join());
                let new = self.new | libc::CLONE_PARENT;
                let told = match made.and_then(|()| sys::clone(new, None)) {
                    Ok(sys::Clone::Child) => return Ok(sys::Clone::Child),
                    Ok(sys::Clone::Parent { pid, .. }) => pid.as_raw_nonzero().get(),
                    Err(errno) => -errno.raw_os_error(),
                };
                let _ = rustix::net::send(&theirs, &told.to_ne_bytes(), SendFlags::NOSIGNAL);
                sys::exit(0)
            }
        };
        drop(theirs);
        let mut told = [0; 4];
        let heard = rustix::io::retry_on_intr(|| {
            rustix::net::recv(&ours, &mut told[..], RecvFlags::empty())
        });
        let _ = waitid(WaitId::PidFd(between.as_fd()), WaitIdOptions::EXITED);
        heard.map_err(failed())?;
        let told = i32::from_ne_bytes(told);
        let pid = Pid::from_raw(told.max(0));
        let pid = pid.ok_or_else(|| user.failed()(Errno::from_raw_os_error(-told)))?;
        // it is a child of ours that nobody has waited for, so the number is still its own
        let pidfd = pidfd_open(pid, PidfdFlags::empty()).map_err(failed())?;
        Ok(sys::Clone::Parent { pid, pidfd })
    }
}

/// The namespace of that kind that children of this process are made in now.
fn own(kind: LinkNameSpaceType) -> std::result::Result<Pinned, RuntimeError> {
    let name = match kind {
        LinkNameSpaceType::Time => "time_for_children",
        LinkNameSpaceType::User => "user",
        LinkNameSpaceType::Mount => "mnt",
        LinkNameSpaceType::HostNameAndNISDomainName => "uts",
        LinkNameSpaceType::InterProcessCommunication => "ipc",
        LinkNameSpaceType::ProcessID => "pid_for_children",
        LinkNameSpaceType::ControlGroup => "cgroup",
        LinkNameSpaceType::Network => "net",
    };
    Pinned::open(PathBuf::from(format!("/proc/self/ns/{name}")), kind)
}

/// A user namespace in which nobody is, for its maps alone.
pub(crate) fn user_namespace(maps: IdMaps) -> std::result::Result<OwnedFd, RuntimeError> {
    let namespaces = Namespaces {
        user: Some(User::New(maps)),
        ..Namespaces::default()
    };
    match namespaces.make(None)? {
        sys::Clone::Child => {
            let kill = Some(rustix::process::Signal::KILL);
            let _ = rustix::process::set_parent_process_death_signal(kill);
            loop {
                rustix::event::pause();
            }
        }
        sys::Clone::Parent { pid, pidfd } => {
            let path = format!("/proc/{}/ns/user", pid.as_raw_nonzero());
            let settled = namespaces.settle(pid);
            let opened = fs::File::open(&path).map_err(RuntimeError::file("open", path));
            let _ = sys::send_signal(pidfd.as_fd(), libc::SIGKILL);
            let _ = waitid(WaitId::PidFd(pidfd.as_fd()), WaitIdOptions::EXITED);
            settled.and(opened).map(OwnedFd::from)
        }
    }
}

/// Becomes the root of a user namespace, which maps its number.
pub(super) fn take_root() -> Result<()> {
    let (user, group) = (rustix::process::Uid::ROOT, rustix::process::Gid::ROOT);
    match rustix::thread::set_thread_groups(&[]) {
        // who made the namespace without privileges cannot choose groups there (user_namespaces(7), setgroups)
        Err(Errno::PERM) => {}
        other => other?,
    }
    rustix::thread::set_thread_res_gid(group, group, group)?;
    rustix::thread::set_thread_res_uid(user, user, user)
}
