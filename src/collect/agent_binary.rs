//! The binary that asks inside the cluster: this program where it is one that the node can run, else one beside it.

use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::write::GzEncoder;

use crate::collect::snapshot::Objects;
use crate::report::{Code, Gap};

/// The word for "send none" where a file is named.
const NONE: &str = "none";

/// This program, as far as it decides whether it can be sent.
#[derive(Debug, Clone, Copy)]
struct Own<'a> {
    path: &'a Path,
    /// Architecture, if it is a Linux program.
    linux: Option<&'a str>,
    /// It needs no loader and no library of the image it is sent to.
    stands_alone: bool,
}

/// The binary for a node; the gap where there is none.
pub(super) fn find(given: Option<&Path>, objects: &Objects, node: &str) -> Result<PathBuf, Gap> {
    match given {
        Some(path) if path.as_os_str() == NONE => {
            let said = format!("--agent-binary {NONE}: no program of ours is sent to node {node}");
            return Err(Gap::new(Code::ToolMissingOrCrashed, Some(node), said));
        }
        Some(path) => {
            return std::fs::File::open(path).map(|_| path.to_owned()).map_err(|error| {
                let said = format!("cannot read `{}`, to be sent to node {node}: {error}", path.display());
                let mut gap = Gap::new(Code::ToolMissingOrCrashed, Some(node), said);
                gap.help = Some("give --agent-binary a static Linux binary of this program".into());
                gap
            });
        }
        None => {}
    }
    let path = std::env::current_exe().ok();
    let own = path.as_deref().map(|path| Own {
        path,
        linux: cfg!(target_os = "linux").then(own_architecture),
        stands_alone: stands_alone(path),
    });
    choose(own, architecture(objects, node), node)
}

/// This program where the node can run it whatever the image, else one beside it, else this program all the same if it is
/// one for the node: the image may have its libraries.
fn choose(own: Option<Own<'_>>, wanted: Option<&str>, node: &str) -> Result<PathBuf, Gap> {
    let fits = own.filter(|own| own.linux.is_some_and(|arch| wanted.is_none_or(|wanted| wanted == arch)));
    if let Some(own) = fits.filter(|own| own.stands_alone) {
        return Ok(own.path.to_owned());
    }
    let wanted = wanted.or(own.and_then(|own| own.linux)).unwrap_or("amd64");
    let name = format!("kubectl-svc_trace_linux_{wanted}");
    let beside = own.and_then(|own| own.path.parent()).map(|folder| folder.join(&name));
    if let Some(beside) = beside.filter(|path| path.is_file()) {
        return Ok(beside);
    }
    fits.map(|own| own.path.to_owned()).ok_or_else(|| {
        let said = format!("there is no Linux binary of svc-trace for {wanted} to ask with on node {node}");
        let mut gap = Gap::new(Code::ToolMissingOrCrashed, Some(node), said);
        gap.help =
            Some(format!("put the release's Linux program beside this one as {name}, or give --agent-binary FILE"));
        gap
    })
}

/// Whether an ELF program asks for no interpreter (ELF, program header `PT_INTERP`). What is not read does.
fn stands_alone(path: &Path) -> bool {
    let mut head = Vec::new();
    let read = std::fs::File::open(path).and_then(|file| file.take(ELF_HEADERS).read_to_end(&mut head));
    read.is_ok() && asks_for_no_interpreter(&head).unwrap_or(false)
}

/// Bytes in which the headers of a program stand.
const ELF_HEADERS: u64 = 64 << 10;
/// Type of the header that names the interpreter.
const PT_INTERP: u32 = 3;

/// Of a 64-bit little-endian program; `None`: of another.
fn asks_for_no_interpreter(head: &[u8]) -> Option<bool> {
    let number = |at: usize, size: usize| -> Option<usize> {
        let bytes = head.get(at..at.checked_add(size)?)?;
        bytes.iter().rev().try_fold(0_usize, |sum, byte| sum.checked_mul(256)?.checked_add(usize::from(*byte)))
    };
    let (class, order) = (2, 1);
    if head.get(..6)? != [0x7f, b'E', b'L', b'F', class, order] {
        return None;
    }
    let (table, size, count) = (number(32, 8)?, number(54, 2)?, number(56, 2)?);
    let mut alone = true;
    for index in 0..count {
        let kind = number(table.checked_add(index.checked_mul(size)?)?, 4)?;
        alone &= kind != PT_INTERP as usize;
    }
    Some(alone)
}

/// `amd64`, `arm64`: as the kubelet reports it.
fn architecture<'o>(objects: &'o Objects, node: &str) -> Option<&'o str> {
    let node = objects.nodes().iter().find(|one| one.metadata.name.as_deref() == Some(node))?;
    Some(node.status.as_ref()?.node_info.as_ref()?.architecture.as_str()).filter(|text| !text.is_empty())
}

/// Go's name of this program's architecture, as kubelets use it.
const fn own_architecture() -> &'static str {
    if cfg!(target_arch = "x86_64") {
        "amd64"
    } else if cfg!(target_arch = "aarch64") {
        "arm64"
    } else {
        std::env::consts::ARCH
    }
}

/// Packed for the way.
pub(super) fn packed(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    // a vector takes all that is written
    let _ = encoder.write_all(bytes);
    encoder.finish().unwrap_or_default()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]
mod tests {
    use super::*;

    #[track_caller]
    fn case(own: Option<(&str, bool)>, beside: &[&str], wanted: Option<&str>, expected: Option<&str>) {
        let folder = tempfile::tempdir().unwrap();
        for name in beside {
            std::fs::write(folder.path().join(name), "x").unwrap();
        }
        let path = folder.path().join("kubectl-svc_trace");
        let (linux, stands_alone) = own.unzip();
        let own = Own { path: &path, linux, stands_alone: stands_alone.unwrap_or(false) };
        let chosen = choose(Some(own), wanted, "a");
        let name = chosen.as_ref().ok().map(|path| path.file_name().unwrap().to_str().unwrap());
        assert_eq!(name, expected, "{own:?} {wanted:?}");
        if let Err(gap) = chosen {
            let wanted = wanted.unwrap_or("amd64");
            assert!(gap.summary.contains(&format!("for {wanted} to ask")), "{}", gap.summary);
            assert!(gap.help.unwrap().contains(&format!("beside this one as kubectl-svc_trace_linux_{wanted},")));
        }
    }

    #[test]
    fn which_binary() {
        const OWN: Option<&str> = Some("kubectl-svc_trace");
        const AMD: Option<&str> = Some("kubectl-svc_trace_linux_amd64");
        const ARM: Option<&str> = Some("kubectl-svc_trace_linux_arm64");
        let both = ["kubectl-svc_trace_linux_amd64", "kubectl-svc_trace_linux_arm64"];
        // a machine that is not Linux
        case(None, &both, Some("arm64"), ARM);
        case(None, &both, None, AMD);
        case(None, &[], Some("arm64"), None);
        case(None, &["kubectl-svc_trace_linux_amd64"], Some("arm64"), None);
        // Linux
        case(Some(("amd64", true)), &both, Some("amd64"), OWN);
        case(Some(("amd64", true)), &[], None, OWN);
        case(Some(("amd64", true)), &both, Some("arm64"), ARM);
        case(Some(("amd64", true)), &[], Some("arm64"), None);
        // built for this machine's libraries
        case(Some(("amd64", false)), &both, Some("amd64"), AMD);
        case(Some(("arm64", false)), &both, None, ARM);
        case(Some(("amd64", false)), &[], Some("amd64"), OWN);
    }

    #[test]
    fn programs_that_need_a_loader_are_known() {
        let program = |kinds: &[u32]| {
            let mut head = vec![0; 64];
            head.splice(..6, [0x7f, b'E', b'L', b'F', 2, 1]);
            head.splice(32..40, 64_u64.to_le_bytes());
            head.splice(54..56, 56_u16.to_le_bytes());
            head.splice(56..58, u16::try_from(kinds.len()).unwrap().to_le_bytes());
            for kind in kinds {
                head.extend(kind.to_le_bytes());
                head.extend([0; 52]);
            }
            head
        };
        assert_eq!(asks_for_no_interpreter(&program(&[6, 1, 2])), Some(true));
        assert_eq!(asks_for_no_interpreter(&program(&[6, PT_INTERP, 1])), Some(false));
        assert_eq!(asks_for_no_interpreter(&program(&[1, 2])[..100]), None, "cut");
        assert_eq!(asks_for_no_interpreter(b"#!/bin/sh\n"), None);
        // as the tests are built on Linux with glibc, they have a loader
        let own = std::env::current_exe().unwrap();
        assert_eq!(stands_alone(&own), cfg!(all(target_os = "linux", target_env = "musl")));
    }
}
