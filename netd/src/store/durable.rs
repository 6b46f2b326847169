//! The store on disk: two files, each as long-lived as what it describes.
//!
//! Networks, containers and volumes are in the state directory and survive a reboot. Sandboxes and endpoints describe the
//! running kernel: they are in the run directory, on a tmpfs, and vanish with it; there, making a commit last costs
//! no disk flush. A commit that touches both files writes the run directory's first, so that what the kernel may
//! hold is always on record.

use std::fs;
use std::path::{Path, PathBuf};

use redb::{
    Database, DatabaseError, ReadOnlyTable, ReadableDatabase, ReadableTable, StorageError,
    TableDefinition, TableError,
};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{Store, StoreError};
use crate::state::{Change, State};

/// The format this program writes; it reads it and all before it.
const FORMAT: u64 = 1;
/// Of a file in memory, in bytes: records are in the state, and read from here at the start only.
const CACHE: usize = 128 * 1024;

const META: TableDefinition<'_, &str, u64> = TableDefinition::new("meta");
const NETWORKS: Records = TableDefinition::new("networks");
const CONTAINERS: Records = TableDefinition::new("containers");
/// Younger than the format: a store made before it has none.
const VOLUMES: Records = TableDefinition::new("volumes");
const SANDBOXES: Records = TableDefinition::new("sandboxes");
const ENDPOINTS: Records = TableDefinition::new("endpoints");
/// Younger than the format: a store made before it has none.
const MARKS: Records = TableDefinition::new("marks");

/// JSON records by the hex text of their id.
type Records = TableDefinition<'static, &'static str, &'static [u8]>;

/// The store on disk.
pub struct Durable {
    /// What survives a reboot.
    state: File,
    /// What describes the running kernel.
    run: File,
}

impl Durable {
    /// Opens the store of these two directories, made where they are missing.
    pub fn open(state_dir: &Path, run_dir: &Path) -> Result<Self, StoreError> {
        Ok(Self {
            state: File::open(state_dir, &[NETWORKS, CONTAINERS, VOLUMES])?,
            run: File::open(run_dir, &[SANDBOXES, ENDPOINTS, MARKS])?,
        })
    }
}

impl Store for Durable {
    fn load(&self) -> Result<State, StoreError> {
        let mut state = State::default();
        let mut put = |change| state.apply(change);
        self.state
            .each(NETWORKS, |network| put(Change::PutNetwork(network)))?;
        self.state
            .each(CONTAINERS, |container| put(Change::PutContainer(container)))?;
        self.state
            .each(VOLUMES, |volume| put(Change::PutVolume(volume)))?;
        self.run
            .each(SANDBOXES, |sandbox| put(Change::PutSandbox(sandbox)))?;
        self.run
            .each(ENDPOINTS, |endpoint| put(Change::PutEndpoint(endpoint)))?;
        self.run.each(MARKS, |mark| put(Change::PutMark(mark)))?;
        Ok(state)
    }

    fn commit(&self, changes: &[Change]) -> Result<(), StoreError> {
        let (mut lasting, mut running) = (Vec::new(), Vec::new());
        for change in changes {
            match change {
                Change::PutNetwork(it) => lasting.push(Edit::put(NETWORKS, it.id, it)),
                Change::DropNetwork(id) => {
                    lasting.push(Edit::drop(NETWORKS, id));
                    running.push(Edit::drop(MARKS, id));
                }
                Change::PutContainer(it) => lasting.push(Edit::put(CONTAINERS, it.id, it)),
                Change::DropContainer(id) => lasting.push(Edit::drop(CONTAINERS, id)),
                Change::PutVolume(it) => lasting.push(Edit::put(VOLUMES, &it.name, it)),
                Change::DropVolume(name) => lasting.push(Edit::drop(VOLUMES, name)),
                Change::PutSandbox(it) => running.push(Edit::put(SANDBOXES, it.id, it)),
                Change::DropSandbox(id) => running.push(Edit::drop(SANDBOXES, id)),
                Change::PutEndpoint(it) => running.push(Edit::put(ENDPOINTS, it.id, it)),
                Change::DropEndpoint(id) => running.push(Edit::drop(ENDPOINTS, id)),
                Change::PutMark(it) => running.push(Edit::put(MARKS, it.network, it)),
            }
        }
        self.run.write(&running)?;
        self.state.write(&lasting)
    }
}

/// One record to write, or to remove.
struct Edit {
    table: Records,
    key: String,
    record: Option<Vec<u8>>,
}

impl Edit {
    fn put(table: Records, key: impl ToString, record: &impl Serialize) -> Self {
        let record =
            serde_json::to_vec(record).expect("records have text keys and no failing parts");
        Self {
            table,
            key: key.to_string(),
            record: Some(record),
        }
    }

    fn drop(table: Records, key: impl ToString) -> Self {
        Self {
            table,
            key: key.to_string(),
            record: None,
        }
    }
}

/// One database file.
struct File {
    path: PathBuf,
    database: Database,
}

impl File {
    fn open(directory: &Path, tables: &[Records]) -> Result<Self, StoreError> {
        fs::create_dir_all(directory).map_err(|source| StoreError::Directory {
            path: directory.to_owned(),
            source,
        })?;
        let path = directory.join("rnet.redb");
        if !path.exists() {
            Self::create(&path, tables)?;
        }
        let empty = fs::metadata(&path).is_ok_and(|file| file.len() == 0);
        if empty {
            return Err(StoreError::Damaged { path, source: None });
        }
        let database = Database::builder().set_cache_size(CACHE).open(&path);
        let database = database.map_err(|error| open_error(&path, error))?;
        let file = Self { path, database };
        match file.format().map_err(|error| file.damaged(error))? {
            found @ 1..=FORMAT => {
                tracing::debug!(path = %file.path.display(), format = found, "store opened");
                Ok(file)
            }
            0 => Err(StoreError::Damaged {
                path: file.path,
                source: None,
            }),
            found => Err(StoreError::Newer {
                path: file.path,
                found,
                known: FORMAT,
            }),
        }
    }

    /// Makes the file under another name first: a file of this name is always a whole one.
    fn create(path: &Path, tables: &[Records]) -> Result<(), StoreError> {
        let unfinished = path.with_extension("new");
        let _ = fs::remove_file(&unfinished);
        let made = || -> Result<(), redb::Error> {
            let database = Database::create(&unfinished)?;
            let write = database.begin_write()?;
            write.open_table(META)?.insert("format", FORMAT)?;
            for table in tables {
                write.open_table(*table)?;
            }
            write.commit()?;
            drop(database);
            fs::rename(&unfinished, path).map_err(redb::Error::Io)
        };
        made().map_err(|source| StoreError::Write {
            path: path.to_owned(),
            source: source.into(),
        })
    }

    fn format(&self) -> Result<u64, redb::Error> {
        let read = self.database.begin_read()?;
        let format = read
            .open_table(META)?
            .get("format")?
            .map(|format| format.value());
        Ok(format.unwrap_or(0))
    }

    fn each<T: DeserializeOwned>(
        &self,
        table: Records,
        mut take: impl FnMut(T),
    ) -> Result<(), StoreError> {
        let name = redb::TableHandle::name(&table).to_owned();
        let damaged = |error| self.damaged(error);
        let Some(table) = self.table(table).map_err(damaged)? else {
            return Ok(());
        };
        let records = table.iter().map_err(|error| damaged(error.into()))?;
        for entry in records {
            let (key, record) = entry.map_err(|error| damaged(error.into()))?;
            take(
                serde_json::from_slice(record.value()).map_err(|source| StoreError::Record {
                    path: self.path.clone(),
                    table: name.clone(),
                    key: key.value().to_owned(),
                    source,
                })?,
            );
        }
        Ok(())
    }

    /// A table; none in a file that is older than it.
    fn table(
        &self,
        table: Records,
    ) -> Result<Option<ReadOnlyTable<&'static str, &'static [u8]>>, redb::Error> {
        match self.database.begin_read()?.open_table(table) {
            Err(TableError::TableDoesNotExist(_)) => Ok(None),
            table => Ok(Some(table?)),
        }
    }

    fn write(&self, edits: &[Edit]) -> Result<(), StoreError> {
        if edits.is_empty() {
            return Ok(());
        }
        let write = || -> Result<(), redb::Error> {
            let write = self.database.begin_write()?;
            for Edit { table, key, record } in edits {
                let mut table = write.open_table(*table)?;
                match record {
                    Some(record) => table.insert(key.as_str(), record.as_slice())?,
                    None => table.remove(key.as_str())?,
                };
            }
            Ok(write.commit()?)
        };
        write().map_err(|error| StoreError::Write {
            path: self.path.clone(),
            source: error.into(),
        })
    }

    fn damaged(&self, error: redb::Error) -> StoreError {
        StoreError::Damaged {
            path: self.path.clone(),
            source: Some(error.into()),
        }
    }
}

fn open_error(path: &Path, error: DatabaseError) -> StoreError {
    let path = path.to_owned();
    match error {
        DatabaseError::DatabaseAlreadyOpen => StoreError::InUse { path },
        DatabaseError::Storage(StorageError::Io(source))
            if source.kind() == std::io::ErrorKind::PermissionDenied =>
        {
            StoreError::Directory { path, source }
        }
        error => StoreError::Damaged {
            path,
            source: Some(error.into()),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rnet_model::{ContainerId, DnsConfig, Sandbox, SandboxId};

    fn sandbox(byte: u8) -> Sandbox {
        Sandbox {
            id: SandboxId::from_bytes([byte; 32]),
            container: ContainerId::from_bytes([byte; 32]),
            guest: None,
            dns: DnsConfig::default(),
            ports: Vec::new(),
            resources: Vec::new(),
        }
    }

    fn opened(root: &Path) -> Result<Durable, StoreError> {
        Durable::open(&root.join("state"), &root.join("run"))
    }

    #[test]
    fn what_was_committed_is_loaded_and_what_was_dropped_is_not() {
        let root = tempfile::tempdir().unwrap();
        let store = opened(root.path()).unwrap();
        let (kept, dropped) = (sandbox(1), sandbox(2));
        let put = [
            Change::PutSandbox(kept.clone()),
            Change::PutSandbox(dropped.clone()),
        ];
        store.commit(&put).unwrap();
        store.commit(&[Change::DropSandbox(dropped.id)]).unwrap();
        drop(store);
        let state = opened(root.path()).unwrap().load().unwrap();
        assert_eq!(state.sandboxes().collect::<Vec<_>>(), [&kept]);
    }

    #[test]
    fn a_second_daemon_is_refused() {
        let root = tempfile::tempdir().unwrap();
        let _first = opened(root.path()).unwrap();
        assert!(matches!(opened(root.path()), Err(StoreError::InUse { .. })));
    }

    #[test]
    fn a_damaged_file_is_reported_and_left_as_it_is() {
        let root = tempfile::tempdir().unwrap();
        drop(opened(root.path()).unwrap());
        let path = root.path().join("state/rnet.redb");
        let whole = fs::read(&path).unwrap();
        for damaged in [
            Vec::new(),
            whole[..whole.len() / 3].to_vec(),
            vec![7; whole.len()],
        ] {
            fs::write(&path, &damaged).unwrap();
            assert!(
                matches!(opened(root.path()), Err(StoreError::Damaged { .. })),
                "{} bytes",
                damaged.len()
            );
            assert_eq!(fs::read(&path).unwrap().len(), damaged.len());
        }
    }

    #[test]
    fn a_file_of_a_newer_format_is_refused() {
        let root = tempfile::tempdir().unwrap();
        let store = opened(root.path()).unwrap();
        let write = store.state.database.begin_write().unwrap();
        write
            .open_table(META)
            .unwrap()
            .insert("format", FORMAT + 1)
            .unwrap();
        write.commit().unwrap();
        drop(store);
        assert!(
            matches!(opened(root.path()), Err(StoreError::Newer { found, .. }) if found > FORMAT)
        );
    }
}
