//! Who may do what: a file of API keys, read at start and again whenever it changes.
//!
//! One key a line: its name, its scope (`read`, `write` or `admin`; each includes those before it) and the key itself, or
//! `sha256:` and its hash in hex. Only hashes are kept in memory, and all of them are compared, in constant time. Knows no
//! HTTP.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

/// A shorter key can be guessed.
const KEY_LEN_MIN: usize = 16;
/// How long a look at the file's time of change holds.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// What a key allows; each scope includes those before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Scope {
    /// Ask, embed, classify, search.
    Read,
    /// Change collections.
    Write,
    /// Load and unload models.
    Admin,
}

/// One line of the file.
#[derive(Debug, Clone)]
pub(crate) struct Key {
    pub(crate) name: String,
    pub(crate) scope: Scope,
    hash: [u8; 32],
}

/// Why a file of keys was not taken; shown to the person who wrote it. No message holds a key.
#[derive(Debug, thiserror::Error)]
pub enum KeysError {
    /// Give a file that can be read.
    #[error("API keys {path}: {reason}")]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        reason: std::io::Error,
    },
    /// Correct the line.
    #[error("API keys {path}, line {line}: {reason}")]
    Line {
        /// The file.
        path: PathBuf,
        /// Which line, from 1.
        line: usize,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// Write at least one key into it.
    #[error("API keys {0}: no key in it, so nobody could ask for anything")]
    Empty(PathBuf),
}

/// The keys of a file.
pub(crate) struct Keys {
    path: PathBuf,
    state: Mutex<State>,
}

struct State {
    keys: Arc<[Key]>,
    stamp: Stamp,
    looked: Instant,
}

/// Changes when the file does.
type Stamp = Option<(SystemTime, u64)>;

impl Keys {
    pub(crate) fn open(path: &Path) -> Result<Self, KeysError> {
        let state = State { stamp: stamp(path), keys: read(path)?, looked: Instant::now() };
        Ok(Self { path: path.to_owned(), state: Mutex::new(state) })
    }

    /// The key that was presented, if it is one of ours.
    pub(crate) fn find(&self, presented: &[u8]) -> Option<Key> {
        let hash: [u8; 32] = Sha256::digest(presented).into();
        let mut found = None;
        for key in self.current().iter() {
            if bool::from(key.hash.ct_eq(&hash)) {
                found = Some(key.clone());
            }
        }
        found
    }

    /// Reads the file again where it changed; one that cannot be used leaves the keys as they were.
    fn current(&self) -> Arc<[Key]> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.looked.elapsed() >= LOOK_EVERY {
            state.looked = Instant::now();
            let now = stamp(&self.path);
            if now != state.stamp {
                match read(&self.path) {
                    Ok(keys) => {
                        tracing::info!(keys = keys.len(), "the API keys were read again");
                        (state.keys, state.stamp) = (keys, now);
                    }
                    Err(error) => tracing::error!(%error, "the API keys stay as they were"),
                }
            }
        }
        Arc::clone(&state.keys)
    }
}

fn stamp(path: &Path) -> Stamp {
    let metadata = std::fs::metadata(path).ok()?;
    Some((metadata.modified().ok()?, metadata.len()))
}

fn read(path: &Path) -> Result<Arc<[Key]>, KeysError> {
    let text =
        std::fs::read_to_string(path).map_err(|reason| KeysError::Io { path: path.to_owned(), reason })?;
    let mut keys = Vec::new();
    for (number, line) in text.lines().enumerate() {
        if line.trim().is_empty() || line.trim_start().starts_with('#') {
            continue;
        }
        let refuse = |reason| KeysError::Line { path: path.to_owned(), line: number + 1, reason };
        keys.push(key_of(line).map_err(refuse)?);
    }
    if keys.is_empty() { Err(KeysError::Empty(path.to_owned())) } else { Ok(keys.into()) }
}

fn key_of(line: &str) -> Result<Key, &'static str> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let [name, scope, key] = words[..] else {
        return Err("expected three words: a name, a scope, a key");
    };
    let scope = match scope {
        "read" => Scope::Read,
        "write" => Scope::Write,
        "admin" => Scope::Admin,
        _ => return Err("the scope is read, write or admin"),
    };
    let hash = match key.strip_prefix("sha256:") {
        Some(hex) => from_hex(hex).ok_or("after sha256: come 64 hexadecimal digits")?,
        None if key.len() < KEY_LEN_MIN => return Err("a key has at least 16 characters"),
        None => Sha256::digest(key.as_bytes()).into(),
    };
    Ok(Key { name: name.to_owned(), scope, hash })
}

fn from_hex(hex: &str) -> Option<[u8; 32]> {
    let mut bytes = [0; 32];
    if hex.len() != 64 || !hex.is_ascii() {
        return None;
    }
    for (byte, pair) in bytes.iter_mut().zip(hex.as_bytes().chunks(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_read_and_mistakes_are_named_without_the_key() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keys");
        // `printf secret-of-sixteen | sha256sum`
        let hash = "4d6f0d0f";
        let write = |text: &str| std::fs::write(&path, text).unwrap();
        write("# who what key\n\n ci  write  0123456789abcdef\nboss admin another-long-secret\n");
        let keys = Keys::open(&path).unwrap();
        assert_eq!(
            keys.find(b"0123456789abcdef").map(|k| (k.name, k.scope)),
            Some(("ci".into(), Scope::Write))
        );
        assert!(keys.find(b"0123456789abcdeF").is_none() && keys.find(b"").is_none());
        for (text, words) in [
            ("", "no key in it"),
            ("a read", "line 1: expected three words"),
            ("\na all 0123456789abcdef", "line 2: the scope is"),
            ("a read short", "at least 16"),
            (&format!("a read sha256:{hash}"), "64 hexadecimal"),
        ] {
            write(text);
            let message = Keys::open(&path).err().unwrap().to_string();
            assert!(message.contains(words) && !message.contains("0123456789"), "{message}");
        }
    }

    #[test]
    fn a_file_that_broke_changes_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keys");
        std::fs::write(&path, "x read a-rather-long-secret\n").unwrap();
        let keys = Keys::open(&path).unwrap();
        let look_again = || keys.state.lock().unwrap().looked -= LOOK_EVERY;
        for (text, secret) in [
            ("this is no line of keys at all\n", "a-rather-long-secret"),
            ("x read another-long-secret\n", "another-long-secret"),
        ] {
            std::fs::write(&path, text).unwrap();
            look_again();
            assert!(keys.find(secret.as_bytes()).is_some(), "{text}");
        }
    }

    #[test]
    fn a_hashed_key_is_the_key() {
        let hex: String =
            Sha256::digest(b"a rather long secret").iter().map(|b| format!("{b:02x}")).collect();
        let key = key_of(&format!("x read sha256:{hex}")).unwrap();
        assert_eq!(key.hash, <[u8; 32]>::from(Sha256::digest(b"a rather long secret")));
    }
}
