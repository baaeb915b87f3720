//! Which dump the virtual servers are read from, and whether it is all of them.

use super::{Form, Ipvs, State};
use crate::collect::snapshot::{Completeness, Dump, NodeDumps};

/// Dumps that hold virtual servers, the most exact first.
const DUMPS: [&str; 4] = ["ipvsadm-save", "ipvsadm-list", "proc-net-ip_vs", "ipvsadm-names"];

impl<'snap> Ipvs<'snap> {
    /// Reads the best dump of a node.
    #[must_use]
    pub fn read(dumps: &'snap NodeDumps) -> Self {
        let (mut none, mut empty) = (false, None);
        for name in DUMPS {
            let Some((name, dump)) = dumps.dumps.get_key_value(name) else { continue };
            if !dump.text.trim().is_empty() {
                return Self::parse(name, dump);
            }
            // Whoever may not look prints nothing, so another dump that holds something is right.
            if dump.exit == Some(0) || dump.complete == Completeness::Whole {
                empty = empty.or(Some((name, dump)));
            } else {
                none |= says_no_module(name, dump);
            }
        }
        match empty {
            Some((name, dump)) => Self::parse(name, dump),
            None => Self { state: if none { State::Whole } else { State::Unread }, ..Self::default() },
        }
    }

    /// Reads one dump, in any form.
    #[must_use]
    pub fn parse(name: &'snap str, dump: &'snap Dump) -> Self {
        let form = form_of(&dump.text);
        let state = match dump.complete {
            Completeness::Cut | Completeness::Fragment => State::Part,
            Completeness::Whole | Completeness::Unknown => State::Whole,
        };
        let mut ipvs = Self { state, dump: name, form, ..Self::default() };
        ipvs.index(&dump.text);
        ipvs
    }
}

/// Lists of `ipvsadm` and of the kernel have the same head: the addresses tell.
fn form_of(text: &str) -> Form {
    let first = text.lines().find(|line| !line.trim().is_empty()).unwrap_or_default();
    if first.starts_with('-') {
        return Form::Save;
    }
    let hexadecimal = |address: &str| {
        let (ip, port) = address.rsplit_once(':').unwrap_or((address, "0000"));
        let hex = |text: &str, digits| text.len() == digits && text.bytes().all(|b| b.is_ascii_hexdigit());
        hex(port, 4) && (hex(ip, 8) || ip.len() == 41 && ip.starts_with('['))
    };
    let mut services = text.lines().filter_map(super::line::listed_address);
    if services.next().is_some_and(hexadecimal) { Form::Proc } else { Form::List }
}

/// Without the module there is no file, and `ipvsadm` ends with `Can't initialize ipvs: Protocol not available`.
fn says_no_module(name: &str, dump: &Dump) -> bool {
    name.starts_with("proc-") && !dump.stderr.contains("ermission")
        || dump.stderr.contains("Protocol not available")
        || dump.stderr.contains("Are you sure that IP Virtual Server is built in the kernel")
}
