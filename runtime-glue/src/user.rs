//! Who a process runs as, looked up in the container's own passwd(5) and group(5) files.

use std::io::Read;
use std::os::fd::{AsFd, BorrowedFd};

use rustix::fs::{FileType, Mode, OFlags};
use rustix::io::Errno;

use crate::error::{AccountKind, RuntimeError};
use crate::init::{Identity, Target};
use crate::spec::Process;

/// The largest passwd or group file that is read, in bytes: the container writes it, we hold it in memory.
const LARGEST: u64 = 1 << 20;

/// Resolves `process.user` (`user[:group]`) and its additional groups below `root`, the container's root directory.
///
/// As moby's user package does it (GetExecUser): an unknown number stands for itself, an unknown name is an error; the
/// groups a user is a member of are added unless a group is given.
pub(crate) fn resolve(root: BorrowedFd<'_>, process: &Process) -> Result<Identity, RuntimeError> {
    let passwd = read(root, "/etc/passwd")?;
    let group = read(root, "/etc/group")?;
    let (user, group_name) = match process.user.split_once(':') {
        Some((user, group)) => (user, Some(group).filter(|g| !g.is_empty())),
        None => (process.user.as_str(), None),
    };
    let user = if user.is_empty() { "0" } else { user };
    let entry = passwd
        .lines()
        .filter_map(Account::parse)
        .find(|a| a.is(user));
    let (uid, gid, home, member) = match (&entry, user.parse()) {
        (Some(account), _) => (account.uid, account.gid, account.home, Some(account.name)),
        (None, Ok(uid)) => (uid, 0, "/", None),
        (None, Err(_)) => return Err(unknown(AccountKind::User, user)),
    };
    let mut groups = Vec::new();
    let gid = match (group_name, member) {
        (Some(name), _) => find_group(&group, name)?,
        (None, Some(member)) => {
            let joined = group
                .lines()
                .filter_map(Group::parse)
                .filter(|g| g.has(member));
            groups.extend(joined.map(|g| g.gid));
            gid
        }
        (None, None) => gid,
    };
    for name in &process.additional_groups {
        groups.push(find_group(&group, name)?);
    }
    groups.sort_unstable();
    groups.dedup();
    Identity::new(uid, gid, &groups, home)
}

/// The home of a user, as the passwd file below `root` has it; `/` if it does not.
pub(crate) fn home_of(root: BorrowedFd<'_>, uid: u32) -> Result<String, RuntimeError> {
    let passwd = read(root, "/etc/passwd")?;
    let mut accounts = passwd.lines().filter_map(Account::parse);
    let found = accounts.find(|account| account.uid == uid);
    Ok(found.map_or("/", |account| account.home).to_owned())
}

struct Account<'a> {
    name: &'a str,
    uid: u32,
    gid: u32,
    home: &'a str,
}

impl<'a> Account<'a> {
    fn parse(line: &'a str) -> Option<Self> {
        let mut fields = line.split(':');
        let (name, _password) = (fields.next()?, fields.next()?);
        let (uid, gid) = (fields.next()?.parse().ok()?, fields.next()?.parse().ok()?);
        let home = fields.nth(1).filter(|home| !home.is_empty()).unwrap_or("/");
        Some(Self {
            name,
            uid,
            gid,
            home,
        })
    }

    fn is(&self, user: &str) -> bool {
        self.name == user || user.parse() == Ok(self.uid)
    }
}

struct Group<'a> {
    name: &'a str,
    gid: u32,
    members: &'a str,
}

impl<'a> Group<'a> {
    fn parse(line: &'a str) -> Option<Self> {
        let mut fields = line.split(':');
        let (name, _password) = (fields.next()?, fields.next()?);
        let gid = fields.next()?.parse().ok()?;
        Some(Self {
            name,
            gid,
            members: fields.next().unwrap_or_default(),
        })
    }

    fn has(&self, member: &str) -> bool {
        self.members.split(',').any(|name| name == member)
    }
}

fn find_group(file: &str, name: &str) -> Result<u32, RuntimeError> {
    file.lines()
        .filter_map(Group::parse)
        .find(|group| group.name == name)
        .map(|group| group.gid)
        .or_else(|| name.parse().ok())
        .ok_or_else(|| unknown(AccountKind::Group, name))
}

fn unknown(kind: AccountKind, name: &str) -> RuntimeError {
    RuntimeError::UnknownUser {
        kind,
        name: name.to_owned(),
    }
}

/// The text of a file in the container; empty if there is none or it is none we can trust to be one.
fn read(root: BorrowedFd<'_>, path: &'static str) -> Result<String, RuntimeError> {
    let target = Target::new(path)?;
    // a fifo put in the place of the file must not hold us up
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    let file = match target.open(root, flags, Mode::empty()) {
        Err(Errno::NOENT | Errno::NOTDIR) => return Ok(String::new()),
        opened => opened.map_err(RuntimeError::step(format!("open {path} of the container")))?,
    };
    let stat = rustix::fs::fstat(file.as_fd()).map_err(RuntimeError::step(format!(
        "look at {path} of the container"
    )))?;
    if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
        return Ok(String::new());
    }
    let mut bytes = Vec::new();
    std::fs::File::from(file)
        .take(LARGEST)
        .read_to_end(&mut bytes)
        .map_err(RuntimeError::step(format!("read {path} of the container")))?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn resolved(user: &str, additional: &[&str]) -> Result<(u32, u32, Vec<u32>, String), String> {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir(root.path().join("etc")).unwrap();
        let passwd = "root:x:0:0:root:/root:/bin/sh\nbad line\nweb:x:33:34:Web:/srv:/bin/sh\n";
        let group = "root:x:0:\nweb:x:34:\nlogs:x:50:web,other\nnone:x:60:\n";
        fs::write(root.path().join("etc/passwd"), passwd).unwrap();
        fs::write(root.path().join("etc/group"), group).unwrap();
        let process = Process {
            args: Vec::new(),
            env: Vec::new(),
            cwd: "/".to_owned(),
            user: user.to_owned(),
            additional_groups: additional.iter().map(|g| (*g).to_owned()).collect(),
            tty: false,
        };
        let directory = fs::File::open(root.path()).unwrap();
        let identity = resolve(directory.as_fd(), &process).map_err(|e| e.to_string())?;
        let groups = identity.groups().map(|g| g.as_raw()).collect();
        let home = identity.home().to_str().unwrap().to_owned();
        Ok((
            identity.uid().as_raw(),
            identity.gid().as_raw(),
            groups,
            home,
        ))
    }

    #[test]
    fn a_user_is_a_name_or_a_number_with_or_without_a_group() {
        let home = |h: &str| format!("HOME={h}");
        assert_eq!(resolved("", &[]), Ok((0, 0, vec![], home("/root"))));
        assert_eq!(resolved("web", &[]), Ok((33, 34, vec![50], home("/srv"))));
        assert_eq!(resolved("33", &[]), Ok((33, 34, vec![50], home("/srv"))));
        assert_eq!(
            resolved("web:none", &["logs", "7"]),
            Ok((33, 60, vec![7, 50], home("/srv")))
        );
        assert_eq!(
            resolved("1000:1001", &[]),
            Ok((1000, 1001, vec![], home("/")))
        );
    }

    #[test]
    fn an_unknown_name_is_an_error_that_tells_it() {
        let message = "unable to find user ghost: no matching entries in passwd file";
        assert_eq!(resolved("ghost", &[]), Err(message.to_owned()));
        let message = "unable to find group ghosts: no matching entries in group file";
        assert_eq!(resolved("web:ghosts", &[]), Err(message.to_owned()));
    }
}
