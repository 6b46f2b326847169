//! The program a process runs: found in its path, its arguments and environment laid out for the kernel.

use std::ffi::{CString, c_char};
use std::fmt;

use rustix::io::Errno;

use super::Identity;
use crate::spec::Process;
use crate::{RuntimeError, defaults, sys};

/// How the step that runs the program is told from others in a report; what follows is the command.
pub(crate) const STEP: &str = "exec ";

/// A program with its arguments and environment.
pub(crate) struct Command {
    name: String,
    /// Where it may be, in the order to try.
    candidates: Vec<CString>,
    // the texts the two lists of pointers point to
    _args: Vec<CString>,
    _env: Vec<CString>,
    argv: Vec<*const c_char>,
    /// Ends with two null pointers where there is no `HOME`: it is put in the place of the first.
    envp: Vec<*const c_char>,
    lacks_home: bool,
}

impl Command {
    /// That of a process; refuses an empty command and texts with a NUL in them.
    pub(crate) fn new(process: &Process) -> Result<Self, RuntimeError> {
        Self::of(&process.args, &process.env)
    }

    /// The same, of a command with its arguments, and its variables.
    pub(crate) fn of(args: &[String], env: &[String]) -> Result<Self, RuntimeError> {
        let invalid = |reason: String| RuntimeError::InvalidSpec { reason };
        let name = args
            .first()
            .ok_or_else(|| invalid("no command specified".to_owned()))?;
        let c_string = |text: &str| {
            CString::new(text).map_err(|_| invalid(format!("{text:?} contains a NUL character")))
        };
        let c_strings = |texts: &[String]| {
            texts
                .iter()
                .map(|text| c_string(text))
                .collect::<Result<Vec<_>, _>>()
        };
        let path = env
            .iter()
            .find_map(|variable| variable.strip_prefix("PATH="));
        let candidates = if name.contains('/') {
            vec![c_string(name)?]
        } else {
            let directories = path
                .unwrap_or(defaults::PATH)
                .split(':')
                .filter(|_| !name.is_empty());
            // an empty directory in a path stands for the current one (execvp(3))
            directories
                .map(|d| c_string(&format!("{}/{name}", if d.is_empty() { "." } else { d })))
                .collect::<Result<_, _>>()?
        };
        let lacks_home = !env.iter().any(|variable| variable.starts_with("HOME="));
        let (args, env) = (c_strings(args)?, c_strings(env)?);
        let pointers = |texts: &[CString], nulls| {
            let nulls = std::iter::repeat_n(std::ptr::null(), nulls);
            texts
                .iter()
                .map(|text| text.as_ptr())
                .chain(nulls)
                .collect::<Vec<_>>()
        };
        Ok(Self {
            name: name.clone(),
            candidates,
            argv: pointers(&args, 1),
            envp: pointers(&env, 2),
            _args: args,
            _env: env,
            lacks_home,
        })
    }

    /// Whether there is a program that may be run, as far as that can be seen before.
    pub(crate) fn find(&self) -> rustix::io::Result<()> {
        use rustix::fs::{Access, AtFlags, CWD, accessat, stat};
        let mut reason = Errno::NOENT;
        for candidate in &self.candidates {
            let is_file = stat(candidate.as_c_str())
                .map(|it| rustix::fs::FileType::from_raw_mode(it.st_mode).is_file());
            match is_file {
                Ok(true) => {}
                Ok(false) => {
                    reason = Errno::ACCESS;
                    continue;
                }
                Err(_) => continue,
            }
            match accessat(CWD, candidate.as_c_str(), Access::EXEC_OK, AtFlags::empty()) {
                Ok(()) => return Ok(()),
                Err(errno) => reason = errno,
            }
        }
        Err(reason)
    }

    /// Runs the program in this process; returns only if none can be run, with the reason that tells most.
    pub(super) fn execute(&mut self, identity: &Identity) -> Errno {
        let slot = self.envp.len() - 2;
        if self.lacks_home {
            self.envp[slot] = identity.home().as_ptr();
        }
        let mut reason = Errno::NOENT;
        for candidate in &self.candidates {
            match sys::execute(candidate, &self.argv, &self.envp) {
                Errno::NOENT | Errno::NOTDIR => {}
                Errno::ACCESS => reason = Errno::ACCESS,
                errno => return errno,
            }
        }
        reason
    }
}

impl fmt::Display for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

/// What it means that `command` cannot be run, with the exit code a shell would give it (POSIX, 2.8.2).
pub(super) fn failure(command: &str, errno: Errno) -> RuntimeError {
    let (reason, code) = match errno {
        Errno::NOENT if command.contains('/') => ("no such file or directory".to_owned(), 127),
        Errno::NOENT => ("executable file not found in $PATH".to_owned(), 127),
        Errno::ACCESS => ("permission denied".to_owned(), 126),
        Errno::NOEXEC => ("exec format error".to_owned(), 126),
        other => (std::io::Error::from(other).to_string().to_lowercase(), 126),
    };
    RuntimeError::Command {
        message: format!("exec: {command:?}: {reason}"),
        code,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn command(args: &[&str], env: &[&str]) -> Result<Command, RuntimeError> {
        let owned = |texts: &[&str]| texts.iter().map(|t| (*t).to_owned()).collect();
        Command::new(&Process {
            args: owned(args),
            env: owned(env),
            cwd: "/".to_owned(),
            user: String::new(),
            additional_groups: Vec::new(),
            tty: false,
        })
    }

    #[test]
    fn a_name_is_looked_up_and_a_path_is_taken_as_it_is() {
        let found = |args: &[&str]| command(args, &["PATH=/a::/b"]).unwrap().candidates;
        assert_eq!(
            found(&["ls"]),
            [c"/a/ls".into(), c"./ls".into(), CString::from(c"/b/ls")]
        );
        assert_eq!(found(&["./ls"]), [CString::from(c"./ls")]);
        assert_eq!(found(&[""]), Vec::<CString>::new());
    }

    #[test]
    fn a_command_that_cannot_be_passed_on_is_refused() {
        assert!(command(&[], &[]).is_err());
        assert!(command(&["a\0b"], &[]).is_err());
        assert!(command(&["a"], &["B=\0"]).is_err());
    }
}
