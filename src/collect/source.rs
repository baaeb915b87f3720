//! The files of a bundle by their name in it (`nodes/a/iptables-save.txt`), from a folder or an archive.
//! Refuses what leads out of the bundle, what is no file, and what is too large. Interprets nothing.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use super::archive;
use crate::error::{Error, Result};

/// The largest file that is read. The largest seen is a tenth of it: `nft -j list ruleset` of 5,000 Services with
/// 10 endpoints each, 46 MB.
pub(super) const MAX_FILE: u64 = 512 << 20;
/// The most files a bundle may have.
pub(super) const MAX_FILES: usize = 100_000;
/// Folders within folders: `nodes/<node>/again/<dump>`.
const MAX_DEPTH: usize = 4;

/// Where the files of a bundle come from.
#[derive(Debug)]
pub(super) enum Source {
    /// Files in a folder, read when they are asked for.
    Folder {
        /// The folder.
        root: PathBuf,
        /// Name in the bundle → file.
        files: BTreeMap<String, PathBuf>,
    },
    /// Files that were unpacked.
    Memory {
        /// What they were unpacked from.
        root: PathBuf,
        /// Name in the bundle → content.
        files: BTreeMap<String, Vec<u8>>,
    },
}

impl Source {
    /// The bundle at `path`: a folder or an archive.
    ///
    /// # Errors
    /// If it can be neither.
    pub(super) fn open(path: &Path) -> Result<Self> {
        if path.is_dir() {
            Self::folder(path)
        } else {
            Ok(Self::Memory { root: path.to_owned(), files: archive::unpack(path)? })
        }
    }

    /// The files below `root`.
    ///
    /// # Errors
    /// If the folder cannot be read, holds links that lead out of it, or more files than a bundle has.
    fn folder(root: &Path) -> Result<Self> {
        let real = root.canonicalize().map_err(|source| file_error("read", root, source))?;
        let mut files = BTreeMap::new();
        walk(root, &real, "", 0, &mut files)?;
        Ok(Self::Folder { root: root.to_owned(), files })
    }

    /// The bundle's own path, for messages.
    #[must_use]
    pub(super) fn root(&self) -> &Path {
        match self {
            Self::Folder { root, .. } | Self::Memory { root, .. } => root,
        }
    }

    /// Names of the files, in order.
    #[must_use]
    pub(super) fn names(&self) -> Vec<&str> {
        match self {
            Self::Folder { files, .. } => files.keys().map(String::as_str).collect(),
            Self::Memory { files, .. } => files.keys().map(String::as_str).collect(),
        }
    }

    /// Whether there is such a file.
    #[must_use]
    pub(super) fn has(&self, name: &str) -> bool {
        match self {
            Self::Folder { files, .. } => files.contains_key(name),
            Self::Memory { files, .. } => files.contains_key(name),
        }
    }

    /// The text of a file; invalid UTF-8 in it is replaced.
    ///
    /// # Errors
    /// If there is no such file, it cannot be read, or it is larger than [`MAX_FILE`].
    pub(super) fn text(&self, name: &str) -> Result<String> {
        let bytes = match self {
            Self::Folder { root, files } => match files.get(name) {
                Some(path) => read(root, name, path)?,
                None => return Err(missing(root, name)),
            },
            Self::Memory { root, files } => files.get(name).cloned().ok_or_else(|| missing(root, name))?,
        };
        // no copy for what is UTF-8, which is nearly everything
        Ok(String::from_utf8(bytes).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned()))
    }
}

fn walk(folder: &Path, real: &Path, prefix: &str, depth: usize, files: &mut BTreeMap<String, PathBuf>) -> Result<()> {
    let entries = std::fs::read_dir(folder).map_err(|source| file_error("read", folder, source))?;
    for entry in entries {
        let entry = entry.map_err(|source| file_error("read", folder, source))?;
        let path = entry.path();
        let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
        if files.len() >= MAX_FILES {
            return Err(refused(real, format!("it has more than {MAX_FILES} files")));
        }
        let kind = entry.file_type().map_err(|source| file_error("read", &path, source))?;
        if kind.is_symlink() {
            let Ok(target) = path.canonicalize() else {
                return Err(refused(real, format!("`{name}` is a link that leads nowhere")));
            };
            if !target.starts_with(real) {
                return Err(refused(real, format!("`{name}` is a link that leads out of it")));
            }
            // a link to a folder could be one to a folder above it
            if target.is_file() {
                files.insert(name, target);
            }
        } else if kind.is_dir() {
            if depth < MAX_DEPTH {
                walk(&path, real, &format!("{name}/"), depth + 1, files)?;
            }
        } else if kind.is_file() {
            files.insert(name, path);
        }
    }
    Ok(())
}

fn read(root: &Path, name: &str, path: &Path) -> Result<Vec<u8>> {
    let fail = |source| file_error("read", path, source);
    let file = File::open(path).map_err(fail)?;
    let size = file.metadata().map_err(fail)?.len();
    if size > MAX_FILE {
        return Err(refused(root, format!("`{name}` has {size} bytes, more than {MAX_FILE}")));
    }
    // the exact size, for a dump is most of what the process holds
    let mut bytes = Vec::with_capacity(usize::try_from(size).unwrap_or_default());
    file.take(MAX_FILE).read_to_end(&mut bytes).map_err(fail)?;
    Ok(bytes)
}

fn file_error(action: &'static str, path: &Path, source: std::io::Error) -> Error {
    Error::File { action, path: path.to_owned(), source }
}

fn missing(root: &Path, name: &str) -> Error {
    refused(root, format!("it has no `{name}`"))
}

pub(super) fn refused(root: &Path, reason: impl Into<String>) -> Error {
    Error::Bundle { path: root.to_owned(), reason: reason.into() }
}
