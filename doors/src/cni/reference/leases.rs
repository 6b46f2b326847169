//! The leases of `host-local`: a file an address, as the reference plugin keeps them, so that either may follow the other
//! (plugins/ipam/host-local/backend/disk).

use std::fs::{self, File};
use std::io;
use std::net::IpAddr;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use nix::fcntl::{Flock, FlockArg};

/// The leases of one network; nobody else changes them while this exists.
pub(super) struct Leases {
    directory: PathBuf,
    _lock: Flock<OwnedFd>,
}

impl Leases {
    /// Those in a directory, which is made where it is not there yet.
    pub(super) fn open(directory: PathBuf) -> io::Result<Self> {
        fs::create_dir_all(&directory)?;
        let file: OwnedFd = File::open(&directory)?.into();
        let lock = Flock::lock(file, FlockArg::LockExclusive);
        let lock = lock.map_err(|(_, errno)| io::Error::from(errno))?;
        Ok(Self {
            directory,
            _lock: lock,
        })
    }

    /// Leases an address, unless somebody has it; whether it is the holder's now.
    pub(super) fn take(&self, address: IpAddr, holder: &Holder<'_>) -> io::Result<bool> {
        let path = self.directory.join(address.to_string());
        if path.exists() {
            return Ok(false);
        }
        // under another name first: a lease without a holder would be nobody's to give back
        let new = self.directory.join("new");
        fs::write(&new, holder.text())?;
        fs::rename(new, path)?;
        Ok(true)
    }

    /// The addresses that a holder has.
    pub(super) fn of(&self, holder: &Holder<'_>) -> io::Result<Vec<IpAddr>> {
        let all = self.all()?.into_iter();
        Ok(all
            .filter(|(_, found)| *found == holder.text())
            .map(|(address, _)| address)
            .collect())
    }

    /// Gives back what the holders that are not kept have.
    pub(super) fn free(&self, kept: impl Fn(&str) -> bool) -> io::Result<()> {
        for (address, holder) in self.all()? {
            if !kept(&holder) {
                fs::remove_file(self.directory.join(address.to_string()))?;
            }
        }
        Ok(())
    }

    /// Where the search for the next address of a range goes on.
    pub(super) fn last(&self, range: usize) -> Option<IpAddr> {
        fs::read_to_string(self.mark(range))
            .ok()?
            .trim()
            .parse()
            .ok()
    }

    pub(super) fn put_last(&self, range: usize, address: IpAddr) -> io::Result<()> {
        fs::write(self.mark(range), address.to_string())
    }

    fn mark(&self, range: usize) -> PathBuf {
        self.directory.join(format!("last_reserved_ip.{range}"))
    }

    fn all(&self) -> io::Result<Vec<(IpAddr, String)>> {
        let mut leases = Vec::new();
        for entry in fs::read_dir(&self.directory)? {
            let path: PathBuf = entry?.path();
            if let Some(address) = address_of(&path) {
                leases.push((address, fs::read_to_string(&path)?.trim().to_owned()));
            }
        }
        Ok(leases)
    }
}

/// Who has a lease: one interface of one container.
pub(super) struct Holder<'a> {
    pub(super) container: &'a str,
    pub(super) ifname: &'a str,
}

impl Holder<'_> {
    pub(super) fn text(&self) -> String {
        format!("{}\r\n{}", self.container, self.ifname)
    }
}

fn address_of(path: &Path) -> Option<IpAddr> {
    path.file_name()?.to_str()?.parse().ok()
}
