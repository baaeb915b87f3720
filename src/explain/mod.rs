//! What something is for: the pages of codes, and chains, sets, marks and rules that stand in the way of a packet.
//! Text in, text for a terminal or Markdown out.

mod names;
mod rule;

use crate::cluster::nearest;
use crate::render::{Style, prose};
use crate::report::{Code, Kind};
use crate::{Error, Result};

/// Form of a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Form {
    /// For a terminal.
    #[default]
    Terminal,
    /// As it is written.
    Markdown,
}

/// The page of one code, by slug or number (`ST323`); or of a chain, a set, a mark, or a rule as it stands in a dump.
///
/// # Errors
/// If it is none of them.
pub fn page(text: &str, form: Form, style: Style) -> Result<String> {
    if let Some(code) = Code::find(text) {
        return Ok(match form {
            Form::Terminal => prose::render(&title(code), kind(code), code.explanation(), style),
            Form::Markdown => code.explanation().to_owned(),
        });
    }
    let (title, aside, markdown) = other(text)?;
    Ok(match form {
        Form::Terminal => prose::render(&title, &aside, &markdown, style),
        Form::Markdown => format!("# {title}\n\n{aside}\n\n{markdown}"),
    })
}

/// Title, what it is, and page.
fn other(text: &str) -> Result<(String, String, String)> {
    let trimmed = text.trim();
    if let Some(explained) = rule::explain(trimmed) {
        return explained;
    }
    if let Some(known) = names::find(trimmed) {
        return Ok((trimmed.to_owned(), known.what, known.text));
    }
    let candidates = Code::ALL.iter().map(|code| code.as_str()).chain(names::all());
    let help = nearest::closest(trimmed, candidates).map_or_else(
        || "kubectl svc-trace explain lists all codes; a chain, a set, a mark or a whole rule will do too".to_owned(),
        |near| format!("kubectl svc-trace explain {near}"),
    );
    Err(Error::usage_help(format!("`{}` is no code, and no chain, set or mark known here", text.escape_debug()), help))
}

fn title(code: Code) -> String {
    format!("{} (ST{})", code.as_str(), code.number())
}

const fn kind(code: Code) -> &'static str {
    match code.kind() {
        Kind::Finding => code.severity().as_str(),
        Kind::Gap => "gap: something that could not be looked at",
        Kind::Issue => "issue: something that could not be read",
    }
}

/// Every page, one after the other.
#[must_use]
pub fn all(form: Form, style: Style) -> String {
    match form {
        Form::Terminal => {
            let pages: Vec<String> = Code::ALL
                .iter()
                .map(|code| prose::render(&title(*code), kind(*code), code.explanation(), style))
                .collect();
            pages.join("\n")
        }
        Form::Markdown => book(),
    }
}

/// `docs/findings.md`.
fn book() -> String {
    let mut text = String::from(
        "# What svc-trace can find\n\nThe pages of `kubectl svc-trace explain CODE`, as `kubectl svc-trace explain --all -o \
         markdown` prints them.\n",
    );
    let parts = [
        (Kind::Finding, "Findings: the cluster is wrong"),
        (Kind::Gap, "Gaps: something could not be looked at"),
        (Kind::Issue, "Issues: something could not be read"),
    ];
    for (of, heading) in parts {
        text.push_str(&format!("\n## {heading}\n"));
        for code in Code::ALL.iter().filter(|code| code.kind() == of) {
            let body = code.explanation().split_once('\n').map_or("", |(_, body)| body);
            let severity = if of == Kind::Finding { format!(", {}", code.severity().as_str()) } else { String::new() };
            text.push_str(&format!("\n### {code}\n\nST{}{severity}\n\n{}\n", code.number(), body.trim()));
        }
    }
    text
}

/// A table of all codes: number, slug, severity, and what it means in one line.
#[must_use]
pub fn list(style: Style) -> String {
    let rows: Vec<[String; 4]> = Code::ALL
        .iter()
        .map(|code| {
            let kind = match code.kind() {
                Kind::Finding => code.severity().as_str(),
                Kind::Gap => "gap",
                Kind::Issue => "issue",
            };
            [format!("ST{}", code.number()), code.as_str().to_owned(), kind.to_owned(), code.meaning().to_owned()]
        })
        .collect();
    let mut text = prose::columns(&rows, style);
    text.push_str("\nkubectl svc-trace explain CODE prints the page of one.\n");
    text
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic, reason = "tests")]
mod tests {
    use super::*;

    #[track_caller]
    fn case(text: &str, expected: &[&str]) {
        let page = page(text, Form::Markdown, Style::default()).unwrap_or_else(|error| panic!("{text}: {error}"));
        for words in expected {
            assert!(page.contains(words), "{text}: no {words:?} in\n{page}");
        }
    }

    #[test]
    fn names() {
        case("no-ready-endpoint", &["# no-ready-endpoint"]);
        case("ST201", &["# no-ready-endpoint"]);
        case("KUBE-MARK-MASQ", &["0x4000", "KUBE-POSTROUTING"]);
        case("KUBE-SVC-4N57TFCL4MD7ZTDA", &["one port of one Service", "hash"]);
        case("KUBE-SEP-ZWDBLNQ3XRBMUP33", &["One endpoint"]);
        case("KUBE-LOOP-BACK", &["ipset", "calls itself"]);
        case("KUBE-6-CLUSTER-IP", &["ipset"]);
        case("0x4000", &["masquerade"]);
        case("0x4000/0x4000", &["masquerade"]);
        case("16384", &["masquerade"]);
        case("0x8000", &["drop"]);
        case("service-ips", &["nftables"]);
        case("service-KHN6ECMT-shop/web/tcp/http", &["shop/web", "http"]);
        case("endpoint-5OJB2KTY-ns1/svc1/tcp/p80__10.180.0.1/80", &["ns1/svc1", "10.180.0.1/80"]);
        case("kube-ipvs0", &["IPVS"]);
        for name in names::all() {
            case(name, &[]);
        }
    }

    #[test]
    fn rules() {
        case(
            "-A KUBE-POSTROUTING -m mark ! --mark 0x4000/0x4000 -j RETURN",
            &["does not carry mark 0x4000", "KUBE-MARK-MASQ", "MASQUERADE"],
        );
        case(
            "[12:720] -A KUBE-SVC-X ! -s 10.244.0.0/16 -d 10.96.8.8/32 -p tcp -m comment --comment \"shop/web:http cluster IP\" -m tcp --dport 80 -j KUBE-MARK-MASQ",
            &[
                "does not come from 10.244.0.0/16",
                "goes to 10.96.8.8/32",
                "the client is no pod",
                "shop/web:http cluster IP",
            ],
        );
        case(
            "iptables -t nat -A KUBE-SVC-X -m statistic --mode random --probability 0.33333333349 -j KUBE-SEP-Y",
            &["33.3 %", "KUBE-SEP-Y"],
        );
        case("-A KUBE-SEP-X -s 10.244.1.5/32 -j KUBE-MARK-MASQ", &["a pod calls itself"]);
        case("-A KUBE-SEP-X -p tcp -m tcp -j DNAT --to-destination 10.244.1.5:8080", &["10.244.1.5:8080"]);
        case(
            "-A KUBE-POSTROUTING -m set --match-set KUBE-LOOP-BACK dst,dst,src -j MASQUERADE",
            &["KUBE-LOOP-BACK", "calls itself"],
        );
        case("-A KUBE-POSTROUTING -j MARK --set-xmark 0x4000/0x0", &["turned round", "0x4000"]);
        case("-A FORWARD -m bpf --bytecode 1 -j ACCEPT", &["not known"]);
        case("-A FORWARD -j SYNPROXY", &["not known"]);
    }

    #[test]
    fn what_is_nothing_is_refused_with_the_nearest() {
        let error = page("KUBE-MARK-MASK", Form::Terminal, Style::default()).unwrap_err();
        assert_eq!(error.hint().as_deref(), Some("kubectl svc-trace explain KUBE-MARK-MASQ"));
        assert!(page("-A", Form::Terminal, Style::default()).is_err());
        assert!(page("-A KUBE-SVC-X -m comment --comment \"x", Form::Terminal, Style::default()).is_err());
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_explained_or_refused(text in "(-A |KUBE-|0x)?.{0,30}") {
            let _ = page(&text, Form::Terminal, Style::default());
        }
    }
}
