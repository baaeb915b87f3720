//! One rule of iptables in plain words, test by test: read with the reader that the walk uses. What that does not know
//! is said to be unknown.

use crate::dataplane::Loc;
use crate::dataplane::iptables::{Match, Not, Recent, RecentAction, Rule, Side, Target, Test, parse_rule};
use crate::dataplane::links::AddrType;
use crate::diagnose::words_of_rule;
use crate::walk::packet::Action;
use crate::{Error, Result};

use super::names;

/// The page of a rule; `None` where the text is no rule at all.
pub(super) fn explain(text: &str) -> Option<Result<(String, String, String)>> {
    let start = ["-A ", "-I ", "--append ", "--insert "].iter().filter_map(|begin| text.find(begin)).min()?;
    let line = text.get(start..)?;
    Some(match parse_rule(Loc { dump: "rule", line: 1, text: line }) {
        Ok(rule) => Ok((
            rule.chain.to_owned(),
            table(text, &rule).map_or_else(|| "a rule".to_owned(), |table| format!("a rule in {table}")),
            page(text, &rule),
        )),
        Err(why) => Err(Error::usage_help(
            format!("`{}` cannot be read: {why}", text.escape_debug()),
            "one whole rule, in quotes: '-A CHAIN … -j TARGET'",
        )),
    })
}

fn page(text: &str, rule: &Rule<'_>) -> String {
    let mut out = format!("    {rule}\n\n");
    if let Some(short) = names::short(rule.chain) {
        out.push_str(&format!("The chain: {}.\n\n", lower(&short)));
    }
    let tests: Vec<String> = rule.matches.iter().filter_map(test).collect();
    if tests.is_empty() {
        out.push_str("Every packet that comes this far:\n");
    } else {
        out.push_str("A packet that\n");
        for test in tests {
            out.push_str(&format!("- {test}\n"));
        }
    }
    out.push_str(&format!("\n{}.\n", target(rule)));
    let table = table(text, rule).unwrap_or_default();
    if let Some(words) = action(rule).and_then(|action| words_of_rule(table, rule.chain, action, rule.at)) {
        out.push_str(&format!("\nA trace says here: {words}.\n"));
    }
    if let Some(more) = more(rule) {
        out.push_str(&format!("\n{more}\n"));
    }
    if let Some(comment) = rule.comment {
        out.push_str(&format!("\nIts comment: {comment}\n"));
    }
    out
}

fn lower(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| first.to_lowercase().chain(chars).collect())
}

/// The table, where the command or the rule itself tells it.
fn table<'t>(text: &'t str, rule: &Rule<'_>) -> Option<&'t str> {
    if let Some((_, rest)) = text.split_once("-t ") {
        return rest.split(' ').next();
    }
    let nat = matches!(
        rule.target,
        Target::Dnat(_) | Target::Snat(_) | Target::Masquerade | Target::Redirect(_) | Target::Netmap(_)
    ) || [
        "KUBE-POSTROUTING",
        "KUBE-MARK-MASQ",
        "KUBE-SVC-",
        "KUBE-SVL-",
        "KUBE-SEP-",
        "KUBE-EXT-",
        "KUBE-FW-",
        "KUBE-XLB-",
        "PREROUTING",
    ]
    .iter()
    .any(|prefix| rule.chain.starts_with(prefix))
        || matches!(rule.target, Target::Jump(to) if to == "KUBE-MARK-MASQ" || to.starts_with("KUBE-SVC-") || to.starts_with("KUBE-EXT-"));
    let filter = matches!(rule.target, Target::Drop | Target::Reject(_))
        || ["FORWARD", "INPUT", "KUBE-FORWARD", "KUBE-FIREWALL", "KUBE-PROXY-FIREWALL", "KUBE-EXTERNAL-SERVICES"]
            .contains(&rule.chain);
    if nat {
        Some("nat")
    } else if filter {
        Some("filter")
    } else {
        None
    }
}

/// A test as the end of "a packet that".
fn test(one: &Match<'_>) -> Option<String> {
    let last = one.text.rsplit(' ').next().unwrap_or_default();
    let no = one.not == Not::Negated;
    let is = |yes: &str, not: &str| if no { not.to_owned() } else { yes.to_owned() };
    let side = |side: &Side| match side {
        Side::Src => "source",
        Side::Dst => "destination",
    };
    Some(match &one.test {
        Test::Always => return None,
        Test::Address(Side::Src, _) => format!("{} {last}", is("comes from", "does not come from")),
        Test::Address(Side::Dst, _) => format!("{} {last}", is("goes to", "does not go to")),
        Test::InInterface(name) => format!("{} {name}", is("came in by", "did not come in by")),
        Test::OutInterface(name) => format!("{} {name}", is("leaves by", "does not leave by")),
        Test::Protocol(_) => format!("{} {}", is("is", "is not"), last.to_ascii_uppercase()),
        Test::Fragment => is("is a second or further fragment", "is no further fragment"),
        Test::Port(of, _) => format!("{} {} port {last}", is("has", "does not have"), side(of)),
        Test::Multiport(..) => format!("{} one of the ports {last}", is("has", "does not have")),
        Test::Mark(value, bits) => {
            format!("{} mark {}{}", is("carries", "does not carry"), masked(*value, *bits), known_mark(*value))
        }
        Test::Connmark(value, bits) => {
            format!("is of a connection that {} mark {}", is("carries", "does not carry"), masked(*value, *bits))
        }
        Test::OfConnection(inner) => {
            return test(&Match { test: (**inner).clone(), not: one.not, text: one.text });
        }
        Test::CtState(_) => format!("{} of a connection in state {last}", is("is", "is not")),
        Test::AddrType(of, kinds, _) if kinds.as_slice() == [AddrType::Local] => {
            format!("has a {} that {} an address of this node", side(of), is("is", "is not"))
        }
        Test::AddrType(of, ..) => format!("has a {} that {} of type {last}", side(of), is("is", "is not")),
        Test::Set(name, _) => {
            let about = names::short(name).map(|short| format!(": {}", lower(&short))).unwrap_or_default();
            format!("{} in the ipset {name} ({last}){about}", is("is", "is not"))
        }
        Test::Recent(recent) => recent_words(recent, one.not),
        Test::Random(chance) => {
            format!("is chosen at random: {} of those that come this far", percent(*chance))
        }
        Test::Nth(every, packet) => format!("is number {packet} of every {every} that come this far"),
        Test::Rate(_) | Test::Above(_) => format!("comes within a limit of number or rate: `{}`", one.text),
        Test::PacketType(_) => format!("{} sent to {last}", is("is", "is not")),
        Test::Range(of, _) => format!("has a {} {} {last}", side(of), is("within", "outside")),
        Test::TcpFlags(..)
        | Test::IcmpType(..)
        | Test::CtStatus(_)
        | Test::CtOriginal(..)
        | Test::CtReply(..)
        | Test::CtOriginalPort(..)
        | Test::CtProtocol(_)
        | Test::CtDirection(_)
        | Test::Physdev(_)
        | Test::Owner
        | Test::Ipvs(_)
        | Test::ReversePath(_) => format!("passes the test `{}`", one.text),
        Test::NotListed(_) => format!("may have to pass more than the listing says (`{}`)", one.text),
        Test::Unknown => format!("passes `{}`: what that tests is not known here", one.text),
    })
}

fn recent_words(recent: &Recent<'_>, not: Not) -> String {
    let within = recent.seconds.map(|seconds| format!(" in the last {seconds} seconds")).unwrap_or_default();
    match (recent.action, not) {
        (RecentAction::Set, _) => format!("comes here at all: its client is remembered in the list {}", recent.name),
        (RecentAction::Check | RecentAction::Update, Not::Plain) => {
            format!("has a client that was remembered in the list {}{within} (session affinity)", recent.name)
        }
        (RecentAction::Check | RecentAction::Update, Not::Negated) => {
            format!("has a client that was not remembered in the list {}{within}", recent.name)
        }
        (RecentAction::Remove, _) => format!("has a client that was in the list {}, and is taken from it", recent.name),
    }
}

fn percent(chance: f64) -> String {
    format!("{:.1} %", chance * 100.0)
}

fn masked(mark: u32, bits: u32) -> String {
    if bits == u32::MAX || bits == mark { format!("{mark:#x}") } else { format!("{mark:#x} (of the bits {bits:#x})") }
}

fn known_mark(mark: u32) -> &'static str {
    match mark {
        0x4000 => ", by which kube-proxy means: to be masqueraded",
        0x8000 => ", by which the kubelet means: to be dropped",
        _ => "",
    }
}

/// What becomes of it, as a sentence without its full stop.
fn target(rule: &Rule<'_>) -> String {
    let value = rule.target_text.rsplit(' ').next().unwrap_or_default();
    match &rule.target {
        Target::None => "is counted, and the next rule is tried".to_owned(),
        Target::Accept => "is accepted: no further rule of this table at this hook is tried".to_owned(),
        Target::Drop => "is dropped without an answer: its client waits until it times out".to_owned(),
        Target::Return => "goes back to the chain that led here; in a base chain the policy decides".to_owned(),
        Target::Jump(chain) => {
            format!("goes on in {chain}{}, and comes back here if nothing decides there", about(chain))
        }
        Target::Goto(chain) => format!("goes on in {chain}{}, and does not come back here", about(chain)),
        Target::Reject(with) => format!("is refused with {with}: its client hears so at once"),
        Target::Mark(value, mask) => mark_words(*value, *mask),
        Target::Connmark(_) => format!("has its mark and its connection's mark exchanged: `{}`", rule.target_text),
        Target::Dnat(_) => {
            format!("gets the destination {}: all of its connection does", after(rule.target_text, "--to-destination"))
        }
        Target::Snat(_) => format!("gets the source {}", after(rule.target_text, "--to-source")),
        Target::Masquerade => {
            "gets the address of the interface it leaves by as its source, so that the answer comes back to this node"
                .to_owned()
        }
        Target::Redirect(_) => format!("is handed to a port of this node: `{}`", rule.target_text),
        Target::Netmap(_) => format!("has its address moved into {value}"),
        Target::Notrack => "is not tracked: no address is translated for it from here on".to_owned(),
        Target::Pass => format!("goes on: `{}` changes nothing that decides", rule.target_text),
        Target::Unknown(what) => format!("is given to {what}: what that does is not known here"),
    }
}

fn after<'t>(text: &'t str, option: &str) -> &'t str {
    text.split_once(option).map_or(text, |(_, rest)| rest.trim().split(' ').next().unwrap_or_default())
}

fn about(chain: &str) -> String {
    names::short(chain).map(|short| format!(" ({})", lower(&short))).unwrap_or_default()
}

/// mark = (mark & !mask) ^ value (xt_MARK).
fn mark_words(value: u32, mask: u32) -> String {
    if mask == 0 {
        format!(
            "has the bits {value:#x} of its mark turned round: a packet that carries them loses them; the next rule is tried"
        )
    } else if value == 0 {
        format!("has the bits {mask:#x} of its mark cleared; the next rule is tried")
    } else if value == mask {
        format!("has the bits {value:#x} of its mark set{}; the next rule is tried", known_mark(value))
    } else {
        format!("has its mark set to {value:#x} within the bits {mask:#x}; the next rule is tried")
    }
}

/// What the walk would call this step.
fn action<'snap>(rule: &Rule<'snap>) -> Option<Action<'snap>> {
    Some(match &rule.target {
        Target::Accept => Action::Accept,
        Target::Drop => Action::Drop,
        Target::Return => Action::Return,
        Target::Jump(chain) => Action::Jump(chain),
        Target::Goto(chain) => Action::Goto(chain),
        Target::Reject(with) => Action::Reject((*with).to_owned()),
        Target::Mark(value, mask) if *mask != 0 => Action::Mark(*value),
        Target::Masquerade => Action::Masquerade(None),
        Target::Notrack => Action::Notrack,
        Target::None => Action::Pass("counted".to_owned()),
        Target::Mark(..)
        | Target::Connmark(_)
        | Target::Dnat(_)
        | Target::Snat(_)
        | Target::Redirect(_)
        | Target::Netmap(_)
        | Target::Pass
        | Target::Unknown(_) => return None,
    })
}

/// What stands around this rule and makes sense of it.
fn more(rule: &Rule<'_>) -> Option<&'static str> {
    let has = |wanted: &dyn Fn(&Match<'_>) -> bool| rule.matches.iter().any(wanted);
    let unmarked = has(&|one| matches!(one.test, Test::Mark(0x4000, _)) && one.not == Not::Negated);
    let marks = matches!(rule.target, Target::Jump("KUBE-MARK-MASQ"));
    let begins = |prefix: &str| rule.chain.starts_with(prefix);
    if unmarked && rule.target == Target::Return {
        return Some(
            "Packets without the mark leave unchanged. The mark is set by KUBE-MARK-MASQ: when the client is not a pod (KUBE-SVC-), \
             when a pod calls itself (KUBE-SEP-), or for traffic from outside (KUBE-EXT-). Only marked packets go on to the \
             MASQUERADE rule below, so that the answer comes back this way.",
        );
    }
    if marks && begins("KUBE-SEP-") {
        return Some(
            "Only a pod that reaches itself through the Service has that source. Without the masquerade it would see its own \
             address as the client and answer itself directly; the answer would never be translated back.",
        );
    }
    if marks
        && has(&|one| matches!(one.test, Test::Address(Side::Src, _) | Test::InInterface(_)) && one.not == Not::Negated)
    {
        return Some(
            "The range is what kube-proxy takes for pods. This rule lets nobody in or out: it marks clients that are no pods \
             (nodes, machines outside), and all of them go on to the next rule.",
        );
    }
    if has(&|one| matches!(one.test, Test::Random(_))) {
        return Some(
            "Shares are taken along the chain: each rule takes its part of what earlier ones left. The choice is made once for a \
             connection, at random, not in turn.",
        );
    }
    if has(&|one| matches!(one.test, Test::Set("KUBE-LOOP-BACK", _))) {
        return Some("A pod calls itself by its Service: the same address sends and receives.");
    }
    if matches!(rule.target, Target::Jump("KUBE-NODEPORTS")) {
        return Some(
            "It must be the last rule of KUBE-SERVICES: an address of the node may be an external address of a Service too.",
        );
    }
    None
}
