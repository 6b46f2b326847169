//! Volumes: directories below the state directory, which a container's end does not touch.

use std::collections::BTreeMap;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use rnet_model::ContainerId;
use rnet_runtime_glue::image::Image;

use super::{Daemon, random_bytes};
use crate::error::{Error, Result};
use crate::state::Change;
use crate::volume::Volume;

impl Daemon {
    /// The volume of that name.
    pub fn find_volume(&self, name: &str) -> Result<Volume> {
        let found = self.read(|state| state.volume(name).cloned());
        found.ok_or_else(|| Error::NoSuchVolume(name.to_owned()))
    }

    /// The directory that is a volume.
    pub fn volume_dir(&self, name: &str) -> PathBuf {
        self.volume_home(name).join("_data")
    }

    /// Creates a volume, or finds the one that has the name already; without a name it is given one nobody has.
    pub fn create_volume(
        &self,
        name: Option<&str>,
        labels: BTreeMap<String, String>,
    ) -> Result<Volume> {
        let _making = self.volumes.lock().unwrap_or_else(|held| held.into_inner());
        if let Some(present) = name.and_then(|name| self.find_volume(name).ok()) {
            return Ok(present);
        }
        let volume = Volume {
            name: name.map_or_else(unheard_of, str::to_owned),
            created: Timestamp::now(),
            labels,
            anonymous: name.is_none(),
        };
        check_name(&volume.name)?;
        self.commit(&mut self.state(), vec![Change::PutVolume(volume.clone())])?;
        make(&self.volume_dir(&volume.name))?;
        self.tell_of_volume("create", &volume.name);
        Ok(volume)
    }

    /// Fills a volume that is empty, and that nobody uses yet, with what an image has at `target`.
    pub(super) fn fill_volume(&self, name: &str, image: &Image, target: &str) -> Result<()> {
        let _making = self.volumes.lock().unwrap_or_else(|held| held.into_inner());
        let directory = self.volume_dir(name);
        make(&directory)?;
        let is_empty = fs::read_dir(&directory).is_ok_and(|mut entries| entries.next().is_none());
        if !is_empty || self.read(|state| state.volume_user(name).is_some()) {
            return Ok(());
        }
        // under another name first: a volume is filled whole, or not at all
        let filling = self.volume_home(name).join("_filling");
        remove_tree(&filling)?;
        make(&filling)?;
        self.images.copy_out(image, Path::new(target), &filling)?;
        fs::rename(&filling, &directory).map_err(|source| Error::File {
            path: directory,
            source,
        })
    }

    /// Removes a volume that no container uses, with all that is in it.
    pub fn remove_volume(&self, name: &str, force: bool) -> Result<()> {
        let _making = self.volumes.lock().unwrap_or_else(|held| held.into_inner());
        if let Err(missing) = self.find_volume(name) {
            return if force { Ok(()) } else { Err(missing) };
        }
        if let Some(user) = self.read(|state| state.volume_user(name)) {
            return Err(Error::Conflict(format!(
                "remove {name}: volume is in use - [{user}]"
            )));
        }
        // the record goes last: until then, removing can be tried again
        remove_tree(&self.volume_home(name))?;
        self.commit(&mut self.state(), vec![Change::DropVolume(name.to_owned())])?;
        self.tell_of_volume("destroy", name);
        Ok(())
    }

    fn volume_home(&self, name: &str) -> PathBuf {
        self.settings.state_dir.join("volumes").join(name)
    }

    fn tell_of_volume(&self, action: &'static str, name: &str) {
        let driver = ("driver".to_owned(), "local".to_owned());
        self.events.send("volume", action, name, [driver]);
    }
}

/// A name that is a directory of its own (moby, volume/local: `volumeNameRegex`).
fn check_name(name: &str) -> Result<()> {
    let mut bytes = name.bytes();
    let first = bytes
        .next()
        .is_some_and(|byte| byte.is_ascii_alphanumeric());
    let rest = bytes.all(|byte| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte));
    match first && rest && name.len() > 1 {
        true => Ok(()),
        false => Err(Error::invalid(format!(
            "\"{name}\" includes invalid characters for a local volume name, only \
             \"[a-zA-Z0-9][a-zA-Z0-9_.-]\" are allowed. If you intended to pass a host directory, use absolute path"
        ))),
    }
}

fn unheard_of() -> String {
    ContainerId::from_bytes(random_bytes()).to_string()
}

fn make(directory: &Path) -> Result<()> {
    fs::create_dir_all(directory).map_err(|source| Error::File {
        path: directory.to_owned(),
        source,
    })
}

fn remove_tree(directory: &Path) -> Result<()> {
    match fs::remove_dir_all(directory) {
        Err(source) if source.kind() != ErrorKind::NotFound => Err(Error::File {
            path: directory.to_owned(),
            source,
        }),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_volumes_name_is_one_directory() {
        for fine in ["data", "my_app.db-1", "0a"] {
            assert!(check_name(fine).is_ok(), "{fine}");
        }
        for wrong in ["", "a", "..", "a/b", ".hidden", "a b", "/srv"] {
            assert!(check_name(wrong).is_err(), "{wrong}");
        }
    }
}
