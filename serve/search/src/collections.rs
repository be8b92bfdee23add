//! All collections of one data folder: open, create, find, delete.
//!
//! One that cannot be opened does not keep the others from opening: it is listed as a problem, refused by name, and
//! can still be deleted.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use crate::builder::Builder;
use crate::collection::Workers;
use crate::config::check_config;
use crate::folder::{Folder, check_name};
use crate::store::Store;
use crate::syncing::Syncer;
use crate::{Collection, CollectionConfig, Limits, SearchError};

/// The collections of one data folder, which no other process can open meanwhile.
pub struct Collections {
    limits: Arc<Limits>,
    slots: RwLock<BTreeMap<String, Slot>>,
    /// Held while creating or deleting, so that reading `slots` never waits for the disk.
    changing: Mutex<()>,
    workers: Arc<Workers>,
    // Last, so that the lock is released after everything else is closed.
    folder: Folder,
}

/// How long a seal in hand is waited for until it is given up.
const GIVING_UP_MAX: Duration = Duration::from_mins(1);

type Slot = Result<Arc<Collection>, SearchError>;

/// A collection that could not be opened.
#[derive(Clone, Debug, PartialEq)]
pub struct Problem {
    /// Its name.
    pub name: String,
    /// What is wrong, and what to do.
    pub error: SearchError,
}

impl Collections {
    /// Opens `<folder>/collections` and everything in it, creating it if needed.
    pub fn open(folder: &Path, limits: Limits) -> Result<Self, SearchError> {
        let (folder, builder) = (Folder::open(folder)?, Builder::start(limits.seal_again_after)?);
        let workers = Arc::new(Workers { builder, syncer: Syncer::start(limits.unsynced_max)? });
        let limits = Arc::new(limits);
        let (slots, changing) = (RwLock::default(), Mutex::new(()));
        let collections = Self { limits, slots, changing, workers, folder };
        let names = collections.folder.names()?.into_iter();
        let slots = names.map(|name| (name.clone(), collections.open_one(&name))).collect();
        *collections.slots_mut() = slots;
        Ok(collections)
    }

    fn open_one(&self, name: &str) -> Slot {
        check_name(name)?;
        let (store, config) = Store::open(name, &self.folder.records_file(name), &self.limits)?;
        self.load(name, store, config)
    }

    fn load(&self, name: &str, store: Store, config: CollectionConfig) -> Slot {
        let places = (self.folder.segments(name), self.folder.pictures(name, config.keep));
        let limits = Arc::clone(&self.limits);
        Collection::load(name, store, config, places, limits, &self.workers).map(Arc::new)
    }

    /// Creates a collection, or returns the one that is there if it has the same configuration.
    pub fn create(&self, name: &str, config: CollectionConfig) -> Result<Arc<Collection>, SearchError> {
        check_name(name)?;
        check_config(&config, &self.limits)?;
        let _changing = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        match self.get(name) {
            Ok(existing) if *existing.config() == config => return Ok(existing),
            Ok(existing) => {
                let existing = existing.config().clone();
                return Err(SearchError::CollectionExists { name: name.to_owned(), existing });
            }
            Err(SearchError::CollectionNotFound { .. }) => {}
            Err(error) => return Err(error),
        }
        if self.slots().len() >= self.limits.collections_max {
            return Err(SearchError::TooManyCollections { limit: self.limits.collections_max });
        }
        let store = self.folder.create(name, |path| Store::create(name, path, &config, &self.limits))?;
        let store = store.moved_to(self.folder.records_file(name));
        let collection = self.load(name, store, config)?;
        self.slots_mut().insert(name.to_owned(), Ok(Arc::clone(&collection)));
        Ok(collection)
    }

    /// The collection of this name; one that could not be opened answers with what is wrong with it.
    pub fn get(&self, name: &str) -> Result<Arc<Collection>, SearchError> {
        let not_found = || Err(SearchError::CollectionNotFound { name: name.to_owned() });
        self.slots().get(name).cloned().unwrap_or_else(not_found)
    }

    /// All collections that could be opened, in the order of their names.
    pub fn list(&self) -> Vec<Arc<Collection>> {
        self.slots().values().filter_map(|slot| slot.clone().ok()).collect()
    }

    /// All collections that could not be opened, in the order of their names.
    pub fn problems(&self) -> Vec<Problem> {
        let slots = self.slots();
        let problem = |(name, slot): (&String, &Slot)| {
            slot.as_ref().err().map(|error| Problem { name: name.clone(), error: error.clone() })
        };
        slots.iter().filter_map(problem).collect()
    }

    /// Deletes a collection and its files, also a damaged one; whoever still holds it finds it gone.
    pub fn delete(&self, name: &str) -> Result<(), SearchError> {
        let _changing = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        if !self.slots().contains_key(name) {
            return Err(SearchError::CollectionNotFound { name: name.to_owned() });
        }
        // Nothing may be sealed into a folder of the same name that is made afterwards.
        let sealing = self.get(name).ok();
        let sealing = sealing.as_ref().map(|collection| collection.pause_sealing());
        let removed = self.folder.remove(name);
        // Even if the disk complained: what is no longer in its place must not be written to.
        if !self.folder.holds(name) {
            let gone = self.slots_mut().remove(name);
            if let Some(Ok(collection)) = gone {
                collection.close();
            }
        }
        drop(sealing);
        removed
    }

    /// Puts a collection in the place of another, which is deleted if there is one; whoever still holds either finds it gone.
    ///
    /// A crash at the worst moment leaves the new one under its own name alone.
    pub fn replace(&self, name: &str, by: &str) -> Result<(), SearchError> {
        check_name(name)?;
        let _changing = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        let old = match self.get(name) {
            Err(SearchError::CollectionNotFound { .. }) => None,
            old => Some(old?),
        };
        let new = self.get(by)?;
        if name == by {
            return Ok(());
        }
        let both: Vec<_> = [Some(new), old].into_iter().flatten().collect();
        let gave_way = both.iter().try_for_each(|one| one.give_way());
        // A segment that is given up is removed by its name, which must not be another's by then.
        for one in &both {
            one.wait_until_built(GIVING_UP_MAX);
        }
        let replaced = gave_way.and_then(|()| self.folder.replace(name, by));
        // As they are now, whichever way that went.
        let there = [name, by].into_iter().filter(|name| self.folder.holds(name));
        let opened: Vec<_> = there.map(|name| (name.to_owned(), self.open_one(name))).collect();
        let result = opened
            .iter()
            .find(|(there, _)| there == name)
            .map_or(Ok(()), |(_, slot)| slot.as_ref().map(drop));
        let result = result.map_err(Clone::clone);
        let mut slots = self.slots_mut();
        for name in [name, by] {
            slots.remove(name);
        }
        slots.extend(opened);
        replaced.and(result)
    }

    /// Syncs what was acknowledged before it was synced, of every collection.
    ///
    /// # Errors
    /// The first collection's that cannot be, after all others.
    pub fn sync(&self) -> Result<(), SearchError> {
        let synced = self.list().into_iter().map(|collection| collection.sync());
        synced.fold(Ok(()), Result::and)
    }

    fn slots(&self) -> std::sync::RwLockReadGuard<'_, BTreeMap<String, Slot>> {
        self.slots.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn slots_mut(&self) -> std::sync::RwLockWriteGuard<'_, BTreeMap<String, Slot>> {
        self.slots.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for Collections {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Collections").field("folder", &self.folder).finish_non_exhaustive()
    }
}
