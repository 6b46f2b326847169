//! Who the program of a process runs as, and within which bounds.

use std::fmt;
use std::fs;

use rustix::fs::{Mode, OFlags};
use rustix::io::{Errno, Result};

use super::check::{invalid, unsupported};
use super::config::{Config, NamespaceKind, Process};
use super::hooks::RunHooks;
use super::priority::Priority;
use crate::RuntimeError;
use crate::init::security::{Privileges, Sets};
use crate::init::{Act, Command, Context, Pinned, Step};
use crate::rlimit::ProcessLimit;
use crate::seccomp::Seccomp;
use crate::{Capabilities, sys};

/// What a process takes on just before its program runs.
pub(super) struct Settings {
    privileges: Privileges,
    umask: u32,
    priority: Priority,
    personality: Option<u64>,
    own_streams: bool,
}

impl Settings {
    pub(super) fn of(
        config: &Config,
        process: &Process,
    ) -> std::result::Result<Self, RuntimeError> {
        let sets = capabilities(config, process)?;
        let filter = match &config.linux.seccomp {
            Some(profile) => {
                let profile = Seccomp::Profile(Box::new(profile.clone()));
                profile.filter(sets.effective.union(sets.bounding))?
            }
            None => None,
        };
        let personality = config
            .linux
            .personality
            .as_ref()
            .map(|it| match it.domain.as_str() {
                _ if !it.flags.is_empty() => Err(unsupported("linux.personality.flags")),
                "LINUX" => Ok(0),
                "LINUX32" => Ok(8),
                other => Err(invalid(format!(
                    "linux.personality.domain {other:?} is unknown"
                ))),
            });
        Ok(Self {
            privileges: Privileges::new(&sets, process.no_new_privileges, filter),
            umask: process.user.umask.unwrap_or(0o022),
            priority: Priority::of(process)?,
            personality: personality.transpose()?,
            own_streams: process.terminal,
        })
    }

    /// The steps from here to the program, with the hooks that come just before.
    pub(super) fn steps(
        self,
        hooks: Option<RunHooks>,
        process: &Process,
    ) -> std::result::Result<Vec<Step>, RuntimeError> {
        let mut steps = vec![Step::act(OwnStreams {
            stdin: self.own_streams,
        })];
        steps.push(Step::act(self.priority));
        steps.extend(self.personality.map(|it| Step::act(Personality(it))));
        let identification = self.privileges.identity().masking(self.umask);
        steps.extend([
            Step::Become(identification),
            Step::ResetSignals,
            Step::Confine(self.privileges),
        ]);
        steps.extend(hooks.map(Step::act));
        steps.push(Step::Execute(Command::of(&process.args, &process.env)?));
        Ok(steps)
    }
}

/// The limits of a process, checked.
pub(super) fn limits(process: &Process) -> std::result::Result<Vec<ProcessLimit>, RuntimeError> {
    let limit = |it: &super::config::Rlimit| {
        let unknown = || invalid(format!("process.rlimits: {:?} is unknown", it.kind));
        let name = it.kind.strip_prefix("RLIMIT_").ok_or_else(unknown)?;
        let resource = match name {
            // how getrlimit(2) calls it
            "AS" => crate::rlimit::ProcessResource::As,
            name => name.to_lowercase().parse().map_err(|_| unknown())?,
        };
        let number = |it: u64| Some(it).filter(|it| *it != u64::MAX);
        if it.soft > it.hard {
            return Err(invalid(format!(
                "process.rlimits: {} is soft above hard",
                it.kind
            )));
        }
        Ok(ProcessLimit {
            resource,
            soft: number(it.soft),
            hard: number(it.hard),
        })
    };
    process.rlimits.iter().map(limit).collect()
}

/// The sets a process has; what cannot be given is told of and left out, as the specification asks for.
fn capabilities(config: &Config, process: &Process) -> std::result::Result<Sets, RuntimeError> {
    let Some(asked) = &process.capabilities else {
        return Ok(Sets::default());
    };
    // the root of a new user namespace may have all that there is in it
    let most = match config.has(NamespaceKind::User) {
        true => Capabilities::known(),
        false => Capabilities::available(),
    };
    let mut lost: Vec<String> = Vec::new();
    let mut set = |names: &[String]| {
        names.iter().fold(Capabilities::default(), |all, name| {
            let found = Capabilities::named(name)
                .unwrap_or_default()
                .intersection(most);
            if found.is_empty() && !lost.contains(name) {
                lost.push(name.clone());
            }
            all.union(found)
        })
    };
    let mut sets = Sets {
        bounding: set(&asked.bounding),
        effective: set(&asked.effective),
        permitted: set(&asked.permitted),
        inheritable: set(&asked.inheritable),
        ambient: set(&asked.ambient),
    };
    // capabilities(7): what is ambient is permitted and inheritable
    let able = sets.permitted.intersection(sets.inheritable);
    let unable = sets.ambient.difference(able);
    sets.ambient = sets.ambient.intersection(able);
    if !unable.is_empty() {
        super::log::warn(&format!(
            "these capabilities cannot be ambient without being permitted and inheritable: {unable}"
        ));
    }
    if !lost.is_empty() {
        super::log::warn(&format!(
            "these capabilities are unknown or not ours to give: {}",
            lost.join(", ")
        ));
    }
    Ok(sets)
}

/// The step that takes the label of a security module when the program is run, while /proc is the host's.
pub(super) fn label(process: &Process) -> std::result::Result<Option<Step>, RuntimeError> {
    let said = |it: &Option<String>| it.clone().filter(|it| !it.is_empty());
    let on = |file: &str, word: &str| fs::read_to_string(file).is_ok_and(|it| it.trim() == word);
    match (
        said(&process.apparmor_profile),
        said(&process.selinux_label),
    ) {
        (None, None) => Ok(None),
        (Some(profile), None) => {
            if !on("/sys/module/apparmor/parameters/enabled", "Y") {
                return Err(unsupported(format!(
                    "process.apparmorProfile {profile:?}: this kernel has no AppArmor, it"
                )));
            }
            let own = "/proc/self/attr/apparmor/exec";
            let file = if fs::exists(own).unwrap_or(false) {
                own
            } else {
                "/proc/self/attr/exec"
            };
            Ok(Some(Step::act(Label(file, format!("exec {profile}")))))
        }
        (None, Some(label)) => {
            if !fs::exists("/sys/fs/selinux/enforce").unwrap_or(false) {
                return Err(unsupported(format!(
                    "process.selinuxLabel {label:?}: this kernel has no SELinux, it"
                )));
            }
            Ok(Some(Step::act(Label("/proc/self/attr/exec", label))))
        }
        (Some(_), Some(_)) => Err(invalid(
            "it has both an AppArmor profile and an SELinux label",
        )),
    }
}

/// Joins a namespace.
pub(super) struct Join(pub(super) Pinned);

impl Act for Join {
    fn run(&mut self, _: &mut Context) -> Result<()> {
        self.0.join()
    }
}

impl fmt::Display for Join {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "join the namespace {}", self.0.path.display())
    }
}

/// Names the NIS domain.
pub(super) struct Domainname(pub(super) String);

impl Act for Domainname {
    fn run(&mut self, _: &mut Context) -> Result<()> {
        rustix::system::setdomainname(self.0.as_bytes())
    }
}

impl fmt::Display for Domainname {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "set the domain name {:?}", self.0)
    }
}

/// Looks whether there is a program to run, so that `create` fails and not `start`.
pub(super) struct FindProgram(pub(super) Process);

impl Act for FindProgram {
    fn run(&mut self, _: &mut Context) -> Result<()> {
        let command = Command::of(&self.0.args, &self.0.env).map_err(|_| Errno::INVAL)?;
        command.find()
    }
}

impl fmt::Display for FindProgram {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.0.args.first().map(String::as_str).unwrap_or_default();
        write!(f, "{}{name}", crate::init::EXECUTE)
    }
}

/// Lets the user open its own streams by name, where they are somebody's to give.
struct OwnStreams {
    stdin: bool,
}

impl Act for OwnStreams {
    fn run(&mut self, context: &mut Context) -> Result<()> {
        let user = context.identity().uid();
        let streams = [
            (self.stdin, rustix::stdio::stdin()),
            (true, rustix::stdio::stdout()),
            (true, rustix::stdio::stderr()),
        ];
        for (_, stream) in streams.iter().filter(|(give, _)| *give) {
            let is_null = crate::init::mounts::is_device(*stream, 1, 3).is_ok();
            match rustix::fs::fchown(stream, Some(user), None) {
                // /dev/null is everyone's; what cannot be given, a program can still write to (runc does the same)
                _ if is_null => {}
                Ok(()) | Err(Errno::PERM | Errno::INVAL | Errno::ROFS) => {}
                Err(errno) => return Err(errno),
            }
        }
        Ok(())
    }
}

impl fmt::Display for OwnStreams {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("own the standard streams")
    }
}

struct Personality(u64);

impl Act for Personality {
    fn run(&mut self, _: &mut Context) -> Result<()> {
        sys::set_personality(self.0)
    }
}

impl fmt::Display for Personality {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("set the personality")
    }
}

struct Label(&'static str, String);

impl Act for Label {
    fn run(&mut self, _: &mut Context) -> Result<()> {
        let flags = OFlags::WRONLY | OFlags::CLOEXEC;
        let file = rustix::fs::open(self.0, flags, Mode::empty())?;
        rustix::io::write(&file, self.1.as_bytes()).map(drop)
    }
}

impl fmt::Display for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "take the label {:?}", self.1)
    }
}
