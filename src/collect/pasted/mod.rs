//! Dumps that a person pastes or pipes (`ssh n iptables-save | kubectl svc-trace web --node-dump -`): recognised by
//! what they hold. Makes them the same text that a bundle has, line for line, and reads no rule.

mod decode;
mod form;
mod ipvs;
mod lines;
pub mod listing;
mod sorter;

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use super::snapshot::{Dump, NodeDumps};
use super::source::MAX_FILE;
use crate::error::{Error, Result};

/// One dump, recognised.
#[derive(Debug)]
struct Pasted {
    /// Its name in a bundle: `iptables-save`.
    name: &'static str,
    /// The text, each line at its own number.
    dump: Dump,
}

/// Reads the files, of which `-` is standard input, as the dumps of one node.
///
/// # Errors
/// If a file cannot be read, is of no format that is known, or two of them are the same dump.
pub fn read(files: &[PathBuf]) -> Result<NodeDumps> {
    let mut dumps = BTreeMap::new();
    for file in files {
        let from = shown(file);
        for pasted in recognise(&from, &bytes(file)?)? {
            if dumps.insert(pasted.name.to_owned(), pasted.dump).is_some() {
                return Err(Error::usage_help(
                    format!("{from} is a second `{}` of the same node", pasted.name),
                    "one --node-dump for each kind of dump, all of one node",
                ));
            }
        }
    }
    Ok(NodeDumps { dumps, again: None })
}

/// The dumps in `text`, which came from `from`.
///
/// # Errors
/// If there is none.
fn recognise(from: &str, bytes: &[u8]) -> Result<Vec<Pasted>> {
    let text = decode::text(bytes).map_err(|reason| unknown(from, &reason))?;
    if text.trim().is_empty() {
        return Err(Error::usage_help(
            format!("{from} is empty: that says nothing of the node"),
            "if `iptables-nft-save` prints nothing the rules may be in `iptables-legacy-save`, or in `nft list ruleset`",
        ));
    }
    form::dumps(&text).map_err(|refusal| match refusal {
        form::Refusal::Unknown(reason) => unknown(from, &reason),
        form::Refusal::NotRead { what, instead } => {
            Error::usage_help(format!("{from} is {what}, which is not read"), instead)
        }
    })
}

fn unknown(from: &str, reason: &str) -> Error {
    Error::usage_help(
        format!("{from} is no dump that is known: {reason}"),
        "ssh NODE iptables-save | kubectl svc-trace TARGET --node-dump -",
    )
}

fn shown(file: &Path) -> String {
    if file.as_os_str() == "-" { "standard input".to_owned() } else { format!("`{}`", file.display()) }
}

fn bytes(file: &Path) -> Result<Vec<u8>> {
    let fail = |source| Error::File { action: "read", path: file.to_owned(), source };
    let mut bytes = Vec::new();
    let read = if file.as_os_str() == "-" {
        std::io::stdin().lock().take(MAX_FILE + 1).read_to_end(&mut bytes)
    } else {
        File::open(file).map_err(fail)?.take(MAX_FILE + 1).read_to_end(&mut bytes)
    };
    if read.map_err(fail)? as u64 > MAX_FILE {
        return Err(Error::usage(format!("{} has more than {MAX_FILE} bytes", shown(file))));
    }
    Ok(bytes)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "tests")]
mod tests;
