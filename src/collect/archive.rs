//! Bundles as one file: `.tgz` in and out. An archive may come from anyone: links, names that lead out of it, and
//! what unpacks to far more than it is are refused, and nothing is ever unpacked to disk.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::path::{Component, Path};

use flate2::Compression;
use flate2::read::MultiGzDecoder;
use flate2::write::GzEncoder;
use tar::{Archive, Builder, EntryType, Header};

use super::source::{MAX_FILE, MAX_FILES, refused};
use crate::error::{Error, Result};

/// The most that all files together may have.
const MAX_TOTAL: u64 = 2 << 30;
/// The most bytes one packed byte may become: dumps reach 30, lists of pods 60, deflate itself 1,032.
const MAX_RATIO: u64 = 200;
/// Below this no ratio is suspicious.
const SMALL: u64 = 32 << 20;

/// Whether a bundle of this name is one file.
#[must_use]
pub(super) fn is_archive_name(path: &Path) -> bool {
    let ends = |path: &Path, end| path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case(end));
    ends(path, "tgz") || (ends(path, "gz") && path.file_stem().is_some_and(|stem| ends(Path::new(stem), "tar")))
}

/// The files of the archive at `path`, by their names in the bundle.
///
/// # Errors
/// If it is no gzipped tar, is damaged, or holds what no bundle does.
pub(super) fn unpack(path: &Path) -> Result<BTreeMap<String, Vec<u8>>> {
    let file = File::open(path).map_err(|source| Error::File { action: "read", path: path.to_owned(), source })?;
    let packed = file.metadata().map_or(0, |meta| meta.len());
    let mut start = BufReader::new(file);
    let magic = io::BufRead::fill_buf(&mut start).map_err(|source| Error::File {
        action: "read",
        path: path.to_owned(),
        source,
    })?;
    if !magic.starts_with(&[0x1f, 0x8b]) {
        return Err(refused(path, "it is neither a folder nor a .tgz"));
    }
    let limit = MAX_TOTAL.min(SMALL.max(packed.saturating_mul(MAX_RATIO)));
    entries(Limited { from: MultiGzDecoder::new(start), left: limit }).map_err(|reason| refused(path, reason))
}

fn entries(from: impl Read) -> Result<BTreeMap<String, Vec<u8>>, String> {
    let mut files = BTreeMap::new();
    let mut archive = Archive::new(from);
    let mut count = 0_usize;
    for entry in archive.entries().map_err(|error| damaged(&error))? {
        let mut entry = entry.map_err(|error| damaged(&error))?;
        count += 1;
        if count > MAX_FILES {
            return Err(format!("it has more than {MAX_FILES} entries"));
        }
        let shown = String::from_utf8_lossy(&entry.path_bytes()).escape_debug().to_string();
        match entry.header().entry_type() {
            EntryType::Regular | EntryType::Continuous => {}
            EntryType::Directory | EntryType::XGlobalHeader => continue,
            EntryType::Symlink | EntryType::Link => return Err(format!("`{shown}` is a link")),
            _ => return Err(format!("`{shown}` is no plain file")),
        }
        let name = safe_name(&entry.path().map_err(|error| damaged(&error))?)
            .ok_or_else(|| format!("`{shown}` leads out of it"))?;
        if entry.size() > MAX_FILE {
            return Err(format!("`{shown}` has {} bytes, more than {MAX_FILE}", entry.size()));
        }
        // the size is the archive's word; what is really there decides how much is kept
        let mut bytes = Vec::new();
        entry.read_to_end(&mut bytes).map_err(|error| damaged(&error))?;
        if files.insert(name, bytes).is_some() {
            return Err(format!("`{shown}` is in it twice"));
        }
    }
    Ok(below_cover(files))
}

/// `web/bundle.json` → `bundle.json`: an archive of a folder has the folder's name before all.
fn below_cover(files: BTreeMap<String, Vec<u8>>) -> BTreeMap<String, Vec<u8>> {
    if files.contains_key("bundle.json") {
        return files;
    }
    let Some(folder) = files
        .keys()
        .find_map(|name| name.strip_suffix("bundle.json").filter(|folder| folder.matches('/').count() == 1))
    else {
        return files;
    };
    let folder = folder.to_owned();
    files.into_iter().filter_map(|(name, bytes)| Some((name.strip_prefix(&folder)?.to_owned(), bytes))).collect()
}

/// The name with `/` between its parts, if none of them leads out.
fn safe_name(path: &Path) -> Option<String> {
    let mut parts = Vec::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::Normal(part) => parts.push(part.to_string_lossy().into_owned()),
            Component::ParentDir | Component::RootDir | Component::Prefix(_) => return None,
        }
    }
    (!parts.is_empty() && parts.iter().all(|part| !part.contains(['\\', '\0']))).then(|| parts.join("/"))
}

fn damaged(error: &io::Error) -> String {
    // our own limit says what it is; all else is the archive's state
    if error.kind() == io::ErrorKind::FileTooLarge { error.to_string() } else { format!("it is damaged: {error}") }
}

/// A reader that ends in an error where a bundle would have ended long before.
struct Limited<R> {
    from: R,
    left: u64,
}

impl<R: Read> Read for Limited<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.from.read(into)?;
        match self.left.checked_sub(read as u64) {
            Some(left) => self.left = left,
            None => {
                return Err(io::Error::new(io::ErrorKind::FileTooLarge, "it unpacks to far more than a bundle has"));
            }
        }
        Ok(read)
    }
}

/// Writes `files` as an archive at `path`. The same files make the same bytes.
pub(super) fn pack(path: &Path, files: &[(String, Vec<u8>)]) -> Result<()> {
    let write = || -> io::Result<()> {
        let mut to = Builder::new(GzEncoder::new(BufWriter::new(File::create_new(path)?), Compression::default()));
        for (name, bytes) in files {
            let mut header = Header::new_gnu();
            header.set_mode(0o644);
            header.set_size(bytes.len() as u64);
            header.set_entry_type(EntryType::Regular);
            to.append_data(&mut header, name, bytes.as_slice())?;
        }
        to.into_inner()?.finish()?.flush()
    };
    write().map_err(|source| Error::File { action: "write", path: path.to_owned(), source })
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "tests")]
mod tests {
    use super::*;

    /// A tar of one entry of any type with any name, as `tar` itself would refuse to make it.
    fn raw(name: &str, kind: EntryType, link: &str, bytes: &[u8]) -> Vec<u8> {
        let mut header = Header::new_gnu();
        header.as_mut_bytes()[..name.len()].copy_from_slice(name.as_bytes());
        header.set_entry_type(kind);
        header.set_size(bytes.len() as u64);
        if !link.is_empty() {
            header.set_link_name(link).unwrap();
        }
        header.set_cksum();
        let mut tar = header.as_bytes().to_vec();
        tar.extend(bytes);
        tar.resize(tar.len().next_multiple_of(512), 0);
        tar
    }

    fn packed(tars: &[Vec<u8>]) -> tempfile::NamedTempFile {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        let mut gz = GzEncoder::new(&mut file, Compression::best());
        for tar in tars {
            gz.write_all(tar).unwrap();
        }
        gz.write_all(&[0; 1024]).unwrap();
        gz.finish().unwrap();
        file
    }

    #[track_caller]
    fn refuses(tars: &[Vec<u8>], reason: &str) {
        let file = packed(tars);
        let error = unpack(file.path()).unwrap_err().to_string();
        assert!(error.contains(reason), "{error}");
    }

    #[test]
    fn what_no_bundle_holds_is_refused() {
        let file = |name: &str| raw(name, EntryType::Regular, "", b"x");
        refuses(&[raw("nodes/a/ss.txt", EntryType::Symlink, "/etc/passwd", b"")], "`nodes/a/ss.txt` is a link");
        refuses(&[raw("nodes/a/ss.txt", EntryType::Link, "bundle.json", b"")], "is a link");
        refuses(&[raw("pipe", EntryType::Fifo, "", b"")], "is no plain file");
        refuses(&[raw("dev", EntryType::Char, "", b"")], "is no plain file");
        refuses(&[file("../bundle.json")], "leads out of it");
        refuses(&[file("nodes/../../x")], "leads out of it");
        refuses(&[file("/etc/cron.d/x")], "leads out of it");
        refuses(&[file("nodes\\..\\x")], "leads out of it");
        refuses(&[file("a"), file("./a")], "`./a` is in it twice");
        refuses(&[vec![7; 700]], "it is damaged");
        refuses(&[raw("short", EntryType::Regular, "", &[1; 600])[..800].to_vec()], "it is damaged");
    }

    #[test]
    fn bombs_are_refused() {
        let size = usize::try_from(SMALL).unwrap() + 1;
        let (zeros, name) = (vec![0; size], vec![b'a'; size]);
        refuses(&[raw("zeros", EntryType::Regular, "", &zeros)], "far more than a bundle has");
        let mut huge = Header::new_gnu();
        huge.set_path("huge").unwrap();
        huge.set_size(MAX_FILE + 1);
        huge.set_cksum();
        refuses(&[huge.as_bytes().to_vec()], "more than 536870912");
        // a name that is as long as a bomb
        refuses(&[raw("long", EntryType::GNULongName, "", &name)], "far more than a bundle has");
    }

    /// One tar header without end.
    struct Endless(Vec<u8>, usize);

    impl Read for Endless {
        fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
            for byte in &mut *into {
                *byte = self.0[self.1 % self.0.len()];
                self.1 += 1;
            }
            Ok(into.len())
        }
    }

    #[test]
    fn too_many_entries_are_refused() {
        let folder = raw("nodes/a", EntryType::Directory, "", b"");
        assert!(unpack(packed(&vec![folder.clone(); 60]).path()).unwrap().is_empty(), "folders alone are nothing");
        assert_eq!(entries(Endless(folder, 0)).unwrap_err(), "it has more than 100000 entries");
    }

    #[test]
    fn what_is_no_archive_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        for (name, bytes) in [("a.tgz", &b"PK\x03\x04"[..]), ("b.tgz", b""), ("c.tgz", &[0x1f, 0x8b, 8, 0, 1])] {
            let path = dir.path().join(name);
            std::fs::write(&path, bytes).unwrap();
            assert!(unpack(&path).is_err(), "{name}");
        }
    }

    #[test]
    fn what_is_packed_is_unpacked() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("b.tgz");
        let files =
            [("bundle.json".to_owned(), b"{}".to_vec()), (format!("nodes/{}/ss.txt", "n".repeat(120)), vec![0xff, 0])];
        pack(&path, &files).unwrap();
        assert_eq!(unpack(&path).unwrap().into_iter().collect::<Vec<_>>(), files);
        assert!(pack(&path, &files).is_err(), "nothing is overwritten");
    }

    #[test]
    fn an_archive_of_the_folder_is_one_of_its_files() {
        let file = |name: &str| raw(name, EntryType::Regular, "", b"x");
        let files =
            unpack(packed(&[file("./web/bundle.json"), file("web/nodes/a/ss.txt"), file("elsewhere")]).path()).unwrap();
        assert_eq!(files.keys().collect::<Vec<_>>(), ["bundle.json", "nodes/a/ss.txt"]);
    }
}
