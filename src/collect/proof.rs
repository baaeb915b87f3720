//! What a live reading of a node proves, dump against dump: an empty dump counts only where another agrees, and a
//! reader that does not understand what it reads is a gap. Judges texts; reads nothing.

use super::script::Reading;
use super::snapshot::{Completeness, Dump, NodeDumps};
use crate::report::{Code, Gap};

/// A node's dumps and what is wrong with them.
#[derive(Debug)]
pub struct Proof {
    /// What can be used.
    pub dumps: NodeDumps,
    /// What cannot.
    pub gaps: Vec<Gap>,
    /// Whether any rules could be read at all.
    pub readable: bool,
}

/// The dumps of one IP family, and what they are called.
struct Family {
    nft: &'static str,
    legacy: &'static str,
    names: &'static str,
    table: &'static str,
    words: &'static str,
}

const FAMILIES: [Family; 2] = [
    Family {
        nft: "iptables-save",
        legacy: "iptables-legacy-save",
        names: "proc-net-ip_tables_names",
        table: "table ip ",
        words: "IPv4",
    },
    Family {
        nft: "ip6tables-save",
        legacy: "ip6tables-legacy-save",
        names: "proc-net-ip6_tables_names",
        table: "table ip6 ",
        words: "IPv6",
    },
];

/// Tables of iptables; in nft's listing those of the nft backend have the same names.
const TABLES: [&str; 5] = ["filter", "nat", "mangle", "raw", "security"];

/// Judges what was read on `node`.
#[must_use]
pub fn judge(node: &str, reading: Reading) -> Proof {
    let mut gaps = Vec::new();
    let mut failed = Vec::new();
    {
        let judge = Judge { node, reading: &reading };
        // without IPv6 in the kernel there is nothing that its tools could read
        let has_ipv6 = judge.dump("proc-net-if_inet6").is_none_or(|dump| dump.exit == Some(0));
        for family in FAMILIES.iter().filter(|family| has_ipv6 || family.words == "IPv4") {
            judge.family(family, &mut gaps);
        }
        judge.nft(&mut gaps);
        judge.sets(&mut gaps);
        if !reading.done || !reading.unread.is_empty() {
            gaps.push(judge.tool(
                format!("the reading of {node} ended early; not read: {}", reading.unread.join(", ")),
                "what the dumps that are not there hold",
            ));
        }
        for (name, dump) in &reading.dumps.dumps {
            if dump.exit != Some(0) && dump.text.is_empty() {
                failed.push(name.clone());
            }
        }
    }
    let mut dumps = reading.dumps;
    for name in failed {
        dumps.dumps.remove(&name);
    }
    let whole = |name: &str| dumps.dumps.get(name).is_some_and(|dump| dump.complete == Completeness::Whole);
    let readable =
        whole("iptables-save") || whole("iptables-legacy-save") || whole("nft-ruleset") || whole("ip6tables-save");
    Proof { dumps, gaps, readable }
}

struct Judge<'a> {
    node: &'a str,
    reading: &'a Reading,
}

impl Judge<'_> {
    fn dump(&self, name: &str) -> Option<&Dump> {
        self.reading.dumps.dumps.get(name)
    }

    fn good(&self, name: &str) -> Option<&Dump> {
        self.dump(name).filter(|dump| dump.exit == Some(0) && dump.complete == Completeness::Whole)
    }

    fn is_missing(&self, name: &str) -> bool {
        self.reading.missing.contains(&name)
    }

    fn tool(&self, summary: String, lost: &str) -> Gap {
        Gap {
            lost: Some(lost.to_owned()),
            help: Some("--image takes another image, --profile sysadmin the node's own tools".into()),
            ..Gap::new(Code::ToolMissingOrCrashed, Some(self.node), summary)
        }
    }

    /// A command that ran and failed.
    fn failure(&self, name: &str, lost: &str, gaps: &mut Vec<Gap>) {
        if let Some(dump) = self.dump(name).filter(|dump| dump.exit.is_some_and(|exit| exit != 0)) {
            let argv = dump.argv.join(" ");
            let said = super::refusal::shorten(&dump.stderr);
            gaps.push(self.tool(
                format!("`{argv}` on {} ended with status {}: {said}", self.node, dump.exit.unwrap_or_default()),
                lost,
            ));
        }
    }

    fn family(&self, family: &Family, gaps: &mut Vec<Gap>) {
        let node = self.node;
        let words = family.words;
        self.failure(family.nft, &format!("{words} rules"), gaps);
        self.failure(family.legacy, &format!("{words} rules of the legacy backend"), gaps);
        if self.is_missing(family.nft) && self.is_missing(family.legacy) {
            gaps.push(self.tool(
                format!("there is no iptables-save for {words} to read {node} with"),
                &format!("{words} rules of iptables"),
            ));
            return;
        }
        let listed = self.good("nft-ruleset").map(|dump| tables_of(&dump.text, family.table));
        if self.is_missing(family.nft) && listed.as_ref().is_none_or(|tables| !tables.is_empty()) {
            gaps.push(self.tool(
                format!("there is no {words} iptables-nft-save to read {node} with"),
                "rules of the nft backend of iptables",
            ));
        }
        if let Some(dump) = self.dump(family.nft) {
            self.understood(dump, family, gaps);
            if let (Some(dump), Some(tables)) = (self.good(family.nft), &listed) {
                let lacking: Vec<_> = tables.iter().filter(|table| !mentions(&dump.text, table)).copied().collect();
                if !lacking.is_empty() {
                    let tables = lacking.join(", ");
                    gaps.push(self.tool(
                        format!(
                            "two readers of {node} disagree: nft lists {words} {tables}, `{}` does not",
                            dump.argv.join(" ")
                        ),
                        "rules of these tables",
                    ));
                }
            }
        }
        self.legacy(family, gaps);
    }

    /// What the kernel has of legacy tables stands in its own list, and a dump of them must agree with it.
    fn legacy(&self, family: &Family, gaps: &mut Vec<Gap>) {
        let node = self.node;
        let Some(names) = self.dump(family.names) else { return };
        // no such file: the modules of the legacy backend are not there
        let names: Vec<_> = names.text.lines().map(str::trim).filter(|name| !name.is_empty()).collect();
        if names.is_empty() {
            return;
        }
        let bare = self
            .dump(family.nft)
            .filter(|dump| dump.version.as_deref().is_some_and(|version| !version.contains("nf_tables")));
        let Some(dump) = self.good(family.legacy).or(bare) else {
            if self.is_missing(family.legacy) {
                gaps.push(self.tool(
                    format!(
                        "{node} has legacy {} tables ({}) and nothing here reads them",
                        family.words,
                        names.join(", ")
                    ),
                    "rules of the legacy backend of iptables",
                ));
            }
            return;
        };
        let lacking: Vec<_> = names.into_iter().filter(|name| !mentions(&dump.text, name)).collect();
        if !lacking.is_empty() {
            gaps.push(self.tool(
                format!(
                    "two readers of {node} disagree: the kernel has legacy {} {}, `{}` prints none",
                    family.words,
                    lacking.join(", "),
                    dump.argv.join(" ")
                ),
                "rules of these tables",
            ));
        }
    }

    /// What iptables-save prints for what it does not know (iptables 1.8 iptables/xtables-save.c, libxtables/xtables.c).
    fn understood(&self, dump: &Dump, family: &Family, gaps: &mut Vec<Gap>) {
        let odd = dump.text.lines().chain(dump.stderr.lines()).find(|line| {
            (line.starts_with('#') && line.contains("incompatible")) || line.contains("[unsupported revision]")
        });
        if let Some(line) = odd {
            gaps.push(self.tool(
                format!(
                    "`{}` on {} is older than what wrote the rules: {}",
                    dump.argv.join(" "),
                    self.node,
                    super::refusal::shorten(line)
                ),
                &format!("{} rules that it does not print", family.words),
            ));
        }
    }

    fn nft(&self, gaps: &mut Vec<Gap>) {
        const LOST: &str = "tables made with nft: kube-proxy's own in nftables mode, and firewalls";
        self.failure("nft-ruleset", LOST, gaps);
        if self.is_missing("nft-ruleset") {
            gaps.push(self.tool(format!("there is no nft to read {} with", self.node), LOST));
        }
    }

    /// Sets are needed where rules ask for them.
    fn sets(&self, gaps: &mut Vec<Gap>) {
        const LOST: &str = "what rules with --match-set match";
        let used =
            ["iptables-save", "ip6tables-save", "iptables-legacy-save", "ip6tables-legacy-save"].iter().any(|name| {
                self.dump(name)
                    .is_some_and(|dump| memchr::memmem::find(dump.text.as_bytes(), b"--match-set ").is_some())
            });
        if !used {
            return;
        }
        self.failure("ipset-save", LOST, gaps);
        if self.is_missing("ipset-save") {
            gaps.push(self.tool(format!("there is no ipset to read {} with", self.node), LOST));
        }
    }
}

/// Tables of iptables' names in nft's listing: `table ip nat {`.
fn tables_of(ruleset: &str, prefix: &str) -> Vec<&'static str> {
    let named: Vec<&str> = ruleset
        .lines()
        .filter_map(|line| line.strip_prefix(prefix))
        .map(|rest| rest.trim_end_matches(" {").trim())
        .collect();
    TABLES.into_iter().filter(|table| named.contains(table)).collect()
}

/// Whether a dump has the table, or says why it has not.
fn mentions(text: &str, table: &str) -> bool {
    text.lines().any(|line| {
        line.strip_prefix('*').is_some_and(|name| name.trim_end() == table)
            || line.starts_with(&format!("# Table `{table}' is"))
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "tests")]
mod tests {
    use super::*;

    const NAT: &str = "# Generated by iptables-save v1.8.9 (nf_tables) on x\n*nat\n:PREROUTING ACCEPT [0:0]\nCOMMIT\n# Completed on x\n";

    fn reading(dumps: &[(&str, &str, i32)], missing: &[&'static str]) -> Reading {
        let mut reading = Reading { done: true, missing: missing.to_vec(), ..Reading::default() };
        for (name, text, exit) in dumps {
            let complete = if *exit == 0 { Completeness::Whole } else { Completeness::Unknown };
            let dump = Dump {
                text: (*text).to_owned(),
                argv: vec![(*name).to_owned()],
                exit: Some(*exit),
                complete,
                ..Dump::default()
            };
            reading.dumps.dumps.insert((*name).to_owned(), dump);
        }
        reading
    }

    /// A healthy node with one thing changed.
    #[track_caller]
    fn case(changes: &[(&str, &str, i32)], missing: &[&'static str], expected: &[&str]) {
        let mut dumps = vec![
            ("iptables-save", NAT, 0),
            ("ip6tables-save", "", 0),
            ("iptables-legacy-save", "", 0),
            ("ip6tables-legacy-save", "", 0),
            ("proc-net-ip_tables_names", "", 0),
            ("proc-net-ip6_tables_names", "", 1),
            ("nft-ruleset", "table ip nat {\n}\n", 0),
        ];
        dumps.retain(|(name, ..)| !missing.contains(name) && !changes.iter().any(|(changed, ..)| changed == name));
        dumps.extend_from_slice(changes);
        let proof = judge("a", reading(&dumps, missing));
        assert_eq!(proof.gaps.len(), expected.len(), "{:?}", proof.gaps);
        for (gap, word) in proof.gaps.iter().zip(expected) {
            assert_eq!(gap.code, Code::ToolMissingOrCrashed);
            assert!(gap.summary.contains(word), "{}", gap.summary);
        }
    }

    #[test]
    fn readers_that_agree() {
        case(&[], &[], &[]);
        case(&[("iptables-legacy-save", NAT, 0), ("proc-net-ip_tables_names", "nat\n", 0)], &[], &[]);
        // the kernel has no IPv6: its tools may fail
        case(&[("proc-net-if_inet6", "", 1), ("ip6tables-save", "", 1)], &[], &[]);
    }

    #[test]
    fn readers_that_disagree() {
        case(&[("proc-net-ip_tables_names", "nat\nfilter\n", 0)], &[], &["legacy IPv4 nat, filter"]);
        case(&[("nft-ruleset", "table ip nat {\n}\ntable ip filter {\n}\n", 0)], &[], &["nft lists IPv4 filter"]);
        case(&[("iptables-save", "", 0)], &[], &["nft lists IPv4 nat"]);
    }

    #[test]
    fn readers_that_are_missing_or_fail() {
        case(&[], &["nft-ruleset"], &["no nft"]);
        case(&[("nft-ruleset", "", 139)], &[], &["status 139"]);
        case(&[], &["iptables-legacy-save"], &[]);
        case(&[("proc-net-ip_tables_names", "nat\n", 0)], &["iptables-legacy-save"], &["nothing here reads them"]);
        case(&[], &["iptables-save", "iptables-legacy-save"], &["no iptables-save for IPv4"]);
        case(&[("iptables-save", "*nat\n-A PRE", 1)], &[], &["status 1"]);
    }

    #[test]
    fn a_reader_older_than_the_writer() {
        let text = format!("{NAT}# Table `filter' is incompatible, use 'nft' tool.\n");
        case(&[("iptables-save", &text, 0)], &[], &["is older than what wrote the rules: # Table `filter'"]);
        let text = NAT.replace("COMMIT", "-A PREROUTING -m comment [unsupported revision]\nCOMMIT");
        case(&[("iptables-save", &text, 0)], &[], &["unsupported revision"]);
    }

    #[test]
    fn sets_are_needed_where_rules_ask_for_them() {
        let text = NAT.replace("COMMIT", "-A PREROUTING -m set --match-set KUBE-CLUSTER-IP dst,dst -j ACCEPT\nCOMMIT");
        case(&[("iptables-save", &text, 0)], &["ipset-save"], &["no ipset"]);
        case(&[("iptables-save", &text, 0), ("ipset-save", "", 0)], &[], &[]);
        case(&[], &["ipset-save"], &[]);
    }

    #[test]
    fn what_failed_without_a_word_is_no_dump() {
        let proof =
            judge("a", reading(&[("proc-net-ip_vs", "", 1), ("iptables-save", NAT, 0), ("nft-ruleset", "", 0)], &[]));
        assert_eq!(proof.dumps.dumps.keys().collect::<Vec<_>>(), ["iptables-save", "nft-ruleset"]);
        assert!(proof.readable);
    }
}
