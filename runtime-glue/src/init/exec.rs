//! The plan for a process that is added to a running container.

use std::os::fd::{AsRawFd, OwnedFd};

use rustix::thread::ThreadNameSpaceType;

use super::bounds::Bounds;
use super::security::Privileges;
use super::{Command, Identity, MonitorEnds, Namespaces, Plan, Step, Target, Terminals, streams};
use crate::RuntimeError;
use crate::cgroup::Cgroup;
use crate::spec::{ExecSpec, Spec};

/// What a process of a container shares with the first, beside the pid namespace.
pub(crate) const NAMESPACES: ThreadNameSpaceType = ThreadNameSpaceType::MOUNT
    .union(ThreadNameSpaceType::NETWORK)
    .union(ThreadNameSpaceType::HOST_NAME_AND_NIS_DOMAIN_NAME)
    .union(ThreadNameSpaceType::INTER_PROCESS_COMMUNICATION)
    .union(ThreadNameSpaceType::CONTROL_GROUP);

/// Plans the process that `exec` describes beside the one behind `first`, with the privileges of `spec`.
///
/// **Contract:** children of the caller are made in the container's pid namespace.
pub(crate) fn prepare(
    exec: &ExecSpec,
    spec: &Spec,
    cgroup: &Cgroup,
    first: OwnedFd,
    terminals: Option<&Terminals>,
    identity: Identity,
) -> Result<(Plan, MonitorEnds), RuntimeError> {
    let process = &exec.process;
    if process.tty && terminals.is_none() {
        let reason = "the container has no pseudoterminals".to_owned();
        return Err(RuntimeError::InvalidSpec { reason });
    }
    let privileges = if exec.privileged {
        Privileges::all(spec)?
    } else {
        Privileges::of(spec)?
    };
    let (child_ends, ends) = streams(exec.open_stdin, terminals.filter(|_| process.tty))?;
    let mut steps = vec![Step::DieWithMonitor];
    steps.extend(
        cgroup
            .doors()?
            .into_iter()
            .map(|(path, door)| Step::JoinCgroup(path, door)),
    );
    steps.extend([
        Step::TakeStreams(child_ends),
        // nothing of the host may be open in a process that the container can see
        Step::CloseRest {
            but: vec![first.as_raw_fd()],
        },
        Step::JoinContainer(first, NAMESPACES),
        Step::CloseRest { but: Vec::new() },
        Step::LeaveKeyring,
        Step::WorkingDirectory(Target::new(&process.cwd)?),
        Step::OwnStreams {
            stdin: exec.open_stdin || process.tty,
        },
        Step::Bound(Bounds::of(spec)?),
        Step::Become(privileges.identity()),
        Step::DieWithMonitor,
        Step::ResetSignals,
        Step::Confine(privileges),
        Step::Execute(Command::new(process)?),
    ]);
    Ok((
        Plan {
            steps,
            identity,
            namespaces: Namespaces::default(),
            cgroup: cgroup.directory()?,
        },
        ends,
    ))
}
