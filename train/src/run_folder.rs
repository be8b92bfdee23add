//! A run's folder: what lies in it, and how it survives whatever ends the process.
//!
//! | file | what |
//! |---|---|
//! | `checkpoints/step-0000004875.safetensors` | the run at the end of that step; the last few ([`RunFolder::keep`]) |
//! | `checkpoints/best.safetensors` | the one with the highest monitored kNN accuracy; unmonitored, with the lowest loss of an epoch |
//! | `checkpoints/….damaged` | a checkpoint that could not be read when a run went on; for a person to look at |
//! | `metrics.jsonl` | one record a line ([`crate::progress::Line`]), cut back to the checkpoint's step by a resumed run |
//! | `progress.svg` | the same records drawn, at every look of the monitor and at the end |
//! | `events.out.tfevents.…` | the same records for TensorBoard, one file a start |
//! | `lock` | held, and its number written there, by the process that trains |
//! | `….writing` | half written when the process ended; removed by the next start |
//! | `checkpoint.safetensors` | the only checkpoint of runs begun before 0.2; read, never written |
//!
//! Every file that is replaced is written beside its place, synced and renamed. Knows no tensor and no recipe.

mod lock;

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

use crate::TrainError;
use crate::checkpoint::Checkpoint;
pub use lock::Lock;

const BEST: &str = "best.safetensors";
const OLD: &str = "checkpoint.safetensors";
const HALF: &str = "writing";

/// A run's folder, which need not exist yet.
#[derive(Debug, Clone)]
pub struct RunFolder(PathBuf);

/// A checkpoint that was read, and those that were not.
#[derive(Debug)]
pub struct Found {
    /// The run as it was.
    pub checkpoint: Checkpoint,
    /// Its file.
    pub path: PathBuf,
    /// What is wrong with each newer file; empty when none had to be passed over.
    pub passed_over: Vec<TrainError>,
}

impl RunFolder {
    /// Names the folder.
    pub fn new(folder: &Path) -> Self {
        Self(folder.to_path_buf())
    }

    /// A file of the folder.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// The folder.
    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    fn checkpoints(&self) -> PathBuf {
        self.0.join("checkpoints")
    }

    fn step_file(&self, step: u64) -> PathBuf {
        self.checkpoints().join(format!("step-{step:010}.safetensors"))
    }

    /// Whether any checkpoint lies here, readable or not.
    ///
    /// # Errors
    /// When the folder cannot be listed.
    pub fn holds_a_run(&self) -> Result<bool, TrainError> {
        Ok(self.file(OLD).exists() || self.checkpoints().join(BEST).exists() || !self.steps()?.is_empty())
    }

    /// Holds the folder, which is made where there is none, for this process alone.
    ///
    /// # Errors
    /// When another process holds it, with that one's number; or what the disk said.
    pub fn lock(&self) -> Result<Lock, TrainError> {
        Lock::take(&self.0)
    }

    /// Makes the folder ready for a run that is at `step`: half-written files go, and checkpoints of later steps, which
    /// could not be read, are set aside as `….damaged`.
    ///
    /// # Errors
    /// When a later step's checkpoint can be read after all, or the disk refuses.
    pub fn prepare(&self, step: u64) -> Result<(), TrainError> {
        let checkpoints = self.checkpoints();
        fs::create_dir_all(&checkpoints).map_err(TrainError::io(&checkpoints))?;
        for folder in [&self.0, &checkpoints] {
            for path in listed(folder)?.into_iter().filter(|path| path.extension().is_some_and(|e| e == HALF))
            {
                fs::remove_file(&path).map_err(TrainError::io(&path))?;
            }
        }
        for (later, path) in self.steps()?.into_iter().filter(|(later, _)| *later > step) {
            if Checkpoint::read(&path).is_ok() {
                return Err(TrainError::WentOn { run: self.0.clone(), step, later });
            }
            fs::rename(&path, path.with_extension("safetensors.damaged")).map_err(TrainError::io(&path))?;
        }
        Ok(())
    }

    /// Writes a checkpoint, as the best one too if `is_best`, and removes all but the last `most`.
    ///
    /// # Errors
    /// When the disk refuses; the former checkpoints are as they were.
    pub fn keep(&self, checkpoint: &Checkpoint, most: usize, is_best: bool) -> Result<(), TrainError> {
        let path = self.step_file(checkpoint.step);
        let refuse = |path: &Path, source| TrainError::NotKept {
            path: path.to_path_buf(),
            step: checkpoint.step,
            source,
        };
        let folder = self.checkpoints();
        fs::create_dir_all(&folder).map_err(|e| refuse(&folder, e))?;
        let bytes =
            checkpoint.to_bytes().map_err(|reason| TrainError::Checkpoint { path: path.clone(), reason })?;
        // The best one first: a run killed in between goes on from it. From the other, it would never be looked at again.
        if is_best {
            let best = folder.join(BEST);
            write_whole(&best, &bytes).map_err(|e| refuse(&best, e))?;
        }
        write_whole(&path, &bytes).map_err(|e| refuse(&path, e))?;
        let older = self.steps()?.into_iter().filter(|(step, _)| *step < checkpoint.step);
        for (_, path) in older.skip(most.saturating_sub(1)) {
            fs::remove_file(&path).map_err(TrainError::io(&path))?;
        }
        Ok(())
    }

    /// The newest checkpoint that can be read.
    ///
    /// # Errors
    /// When there is none, with what is wrong with each.
    pub fn newest(&self) -> Result<Found, TrainError> {
        let (old, best) = (self.file(OLD), self.checkpoints().join(BEST));
        let mut files = self.steps()?;
        for path in [old, best].into_iter().filter(|path| path.exists()) {
            // One that cannot even say its step is as good as the oldest.
            files.push((Checkpoint::step_of(&path).unwrap_or(0), path));
        }
        files.sort_by_key(|(step, _)| std::cmp::Reverse(*step));
        let mut passed_over = vec![];
        for (_, path) in files {
            match Checkpoint::read(&path) {
                Ok(checkpoint) => return Ok(Found { checkpoint, path, passed_over }),
                Err(error) => passed_over.push(error),
            }
        }
        Err(TrainError::NoCheckpoint { run: self.0.clone(), found: lines(&passed_over) })
    }

    /// The newest checkpoint that can be read, or `fresh` where no run lies yet.
    ///
    /// # Errors
    /// When none can be read, or the run was begun with another recipe than `fresh`.
    pub fn newest_or(&self, fresh: Checkpoint) -> Result<Checkpoint, TrainError> {
        if !self.holds_a_run()? {
            return Ok(fresh);
        }
        let found = self.newest()?.checkpoint;
        if found.recipe_text != fresh.recipe_text {
            let reason = "its run was begun with another recipe; choose another --out, or remove it".into();
            return Err(TrainError::Checkpoint { path: self.0.clone(), reason });
        }
        Ok(found)
    }

    /// The best checkpoint.
    ///
    /// # Errors
    /// When there is none or it cannot be read.
    pub fn best(&self) -> Result<Checkpoint, TrainError> {
        Checkpoint::read(&self.checkpoints().join(BEST))
    }

    /// Checkpoints named by step, newest first.
    fn steps(&self) -> Result<Vec<(u64, PathBuf)>, TrainError> {
        let mut found: Vec<(u64, PathBuf)> = listed(&self.checkpoints())?
            .into_iter()
            .filter_map(|path| {
                let name = path.file_name()?.to_str()?;
                let step = name.strip_prefix("step-")?.strip_suffix(".safetensors")?.parse().ok()?;
                Some((step, path))
            })
            .collect();
        found.sort_by_key(|(step, _)| std::cmp::Reverse(*step));
        Ok(found)
    }
}

fn lines(errors: &[TrainError]) -> String {
    errors.iter().map(|error| format!("\n  {error}")).collect()
}

/// The files of a folder; none where there is no folder.
fn listed(folder: &Path) -> Result<Vec<PathBuf>, TrainError> {
    if !folder.is_dir() {
        return Ok(vec![]);
    }
    let list = || fs::read_dir(folder)?.map(|item| Ok(item?.path())).collect::<std::io::Result<_>>();
    list().map_err(TrainError::io(folder))
}

/// Writes a file beside its place, syncs it and renames it, so that a crash leaves the old or the new one; what a refusal
/// left half written is removed.
pub(crate) fn write_whole(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let mut half = path.as_os_str().to_owned();
    half.push(".");
    half.push(HALF);
    let half = PathBuf::from(half);
    let write = || {
        let mut file = File::create(&half)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&half, path)?;
        File::open(path.parent().unwrap_or(Path::new(".")))?.sync_all()
    };
    write().inspect_err(|_| {
        let _ = fs::remove_file(&half);
    })
}

#[cfg(test)]
mod tests;
