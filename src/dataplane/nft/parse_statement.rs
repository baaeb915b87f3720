//! Reads the statements of a rule. What it does not know stays visible: a test it does not know may hold or not, an
//! action it does not know may decide.

use super::expr::{Expr, Meta};
use super::kind::{Kind, Pattern};
use super::parse_expr::{constant, expression, lookup};
use super::parse_limit::limit;
use super::parse_nat::{flags, nat, skip_to_ports};
use super::set::Elements;
use super::statement::{Limit, Op, Right, Rule, Statement, Verdict};
use super::words::Words;
use crate::dataplane::Loc;

/// Words that begin an action, by which reading goes on after a test that is not known.
const ACTIONS: [&str; 17] = [
    "counter",
    "log",
    "accept",
    "drop",
    "continue",
    "return",
    "jump",
    "goto",
    "queue",
    "reject",
    "dnat",
    "snat",
    "masquerade",
    "redirect",
    "notrack",
    "comment",
    "limit",
];

/// Bytes of a rule, at most: it may hold many elements, but no more than a set that is worth a name.
const LONGEST: usize = 1 << 20;

/// Reads a rule; of what it does not know it says so in its statements.
pub(super) fn rule(at: Loc<'_>) -> Rule<'_> {
    if at.text.len() > LONGEST {
        let at = Loc { text: at.shown(), ..at };
        return Rule { at, statements: vec![Statement::Other("a line that is longer than any rule")] };
    }
    let text = at.text.rsplit_once(" # handle ").map_or(at.text, |(rule, _)| rule);
    let mut words = Words::of(text);
    let mut statements = Vec::with_capacity(4);
    while !words.is_done() {
        if let Some(test) = family_of_answer(&mut words) {
            statements.insert(0, test);
        }
        statements.push(statement(&mut words, at.line));
    }
    Rule { at, statements }
}

/// What a rule with an answer of one family asks first: nft does not print it (nftables `src/evaluate.c`,
/// stmt_evaluate_reject_inet_family).
fn family_of_answer<'snap>(words: &mut Words<'snap>) -> Option<Statement<'snap>> {
    let place = words.place();
    let kind = if words.eat("reject") && words.eat("with") { words.keyword() } else { "" };
    let text = words.since(place);
    words.back_to(place);
    let number = match kind {
        "icmp" => 2,
        "icmpv6" => 10,
        _ => return None,
    };
    let right = Right::Patterns(vec![Pattern::Range(number, number)]);
    Some(Statement::Match { left: Expr::Meta(Meta::NfProto), op: Op::Implicit, right, text })
}

fn statement<'snap>(words: &mut Words<'snap>, line: u32) -> Statement<'snap> {
    let place = words.place();
    if let Some(verdict) = verdict(words) {
        return Statement::Verdict(verdict);
    }
    if let Some(known) = action(words, line) {
        return known;
    }
    words.back_to(place);
    let Some(left) = expression(words, line) else {
        words.back_to(place);
        return unknown(words);
    };
    match words.keyword() {
        "vmap" => {
            words.next();
            match lookup(words, left.kinds(), line) {
                Some(map) => Statement::Vmap(left, map),
                None => Statement::Other(words.rest()),
            }
        }
        "set" => {
            words.next();
            set(words, &left, place, line)
        }
        _ => {
            let (op, right) = compare(words, &left, line);
            let text = words.since(place);
            Statement::Match { left, op, right, text }
        }
    }
}

/// A test that is not known: up to the next word that begins an action.
fn unknown<'snap>(words: &mut Words<'snap>) -> Statement<'snap> {
    let place = words.place();
    // What rewrites or diverts is no test.
    let acts = ["tproxy", "dup", "fwd", "synproxy", "xt", "reset", "#"].contains(&words.keyword());
    words.next();
    while let Some(word) = words.peek() {
        if !word.quoted && (word.text == "set" || word.text == "vmap") {
            return Statement::Other(words.rest());
        }
        if !word.quoted && ACTIONS.contains(&word.text) && !acts {
            break;
        }
        words.next();
    }
    let text = words.since(place);
    if acts { Statement::Other(text) } else { Statement::Unknown(text) }
}

/// `accept`, `jump NAME`
pub(super) fn verdict<'snap>(words: &mut Words<'snap>) -> Option<Verdict<'snap>> {
    let found = match words.keyword() {
        "accept" => Verdict::Accept,
        "drop" => Verdict::Drop,
        "continue" => Verdict::Continue,
        "return" => Verdict::Return,
        word @ ("jump" | "goto") => {
            words.next();
            let name = words.text()?;
            return Some(if word == "jump" { Verdict::Jump(name) } else { Verdict::Goto(name) });
        }
        "queue" => {
            words.rest();
            return Some(Verdict::Queue);
        }
        _ => return None,
    };
    words.next();
    Some(found)
}

fn action<'snap>(words: &mut Words<'snap>, line: u32) -> Option<Statement<'snap>> {
    let place = words.place();
    let word = words.keyword();
    match word {
        "counter" => {
            words.next();
            if words.eat("packets") {
                words.next();
                words.eat("bytes");
                words.next();
            } else if words.eat("name") {
                words.next();
            }
        }
        "comment" => {
            words.next();
            words.next();
        }
        "last" => {
            words.next();
            if words.eat("used") {
                words.next();
            }
        }
        "log" => log(words),
        "flow" => {
            words.next();
            words.next();
            words.next();
        }
        "limit" | "quota" => return limit(words, word),
        "ct" => return ct_action(words, line),
        "meta" | "ip" | "ip6" | "tcp" => return header_action(words),
        "add" | "update" | "delete" | "set" => return dynamic(words, line),
        "reject" => return Some(reject(words)),
        "notrack" => {
            words.next();
            return Some(Statement::Notrack);
        }
        "masquerade" => {
            words.next();
            skip_to_ports(words);
            flags(words);
            return Some(Statement::Masquerade);
        }
        "dnat" | "snat" | "redirect" => {
            words.next();
            let nat = nat(words, line);
            return Some(match word {
                "dnat" => Statement::Dnat(nat),
                "snat" => Statement::Snat(nat),
                _ => Statement::Redirect(nat),
            });
        }
        _ => return None,
    }
    Some(Statement::Pass(words.since(place)))
}

/// `log prefix "x" level warn flags tcp sequence,options`
fn log(words: &mut Words<'_>) {
    words.next();
    loop {
        match words.keyword() {
            "prefix" | "level" | "group" | "snaplen" | "queue-threshold" => {
                words.next();
                words.next();
            }
            "flags" => {
                words.next();
                while matches!(
                    words.keyword(),
                    "all" | "tcp" | "ip" | "sequence" | "options" | "skuid" | "ether" | "," | "flags"
                ) {
                    // `ip` may begin the next test.
                    if words.keyword() == "ip" && words.second() != "options" {
                        return;
                    }
                    words.next();
                }
            }
            _ => return,
        }
    }
}

/// `ct mark set …`, `ct helper set "ftp"`, `ct count over 20`
fn ct_action<'snap>(words: &mut Words<'snap>, line: u32) -> Option<Statement<'snap>> {
    let place = words.place();
    words.next();
    match words.keyword() {
        "count" => {
            words.next();
            let kind = if words.eat("over") { Limit::Over } else { Limit::Until };
            // Its own connection is one of them (Linux nft_connlimit.c).
            let kind = match (kind, words.text()?) {
                (Limit::Over, "0") => Limit::Always,
                (_, "0") => Limit::Never,
                _ => kind,
            };
            return Some(Statement::Limit(kind, words.since(place)));
        }
        "mark" if words.second() == "set" => {
            words.next();
            words.next();
            let value = expression(words, line).or_else(|| constant(words, Kind::Number))?;
            return Some(Statement::CtMark(value));
        }
        "original" | "reply" => {
            words.next();
        }
        _ => {}
    }
    if matches!(words.keyword(), "helper" | "zone" | "event" | "label" | "timeout" | "expectation" | "secmark")
        && words.second() == "set"
    {
        // Tests of zones and labels see what is set here; what they see then is not followed.
        let seen = matches!(words.keyword(), "zone" | "label");
        words.next();
        words.next();
        words.next()?;
        while words.eat(",") {
            words.next();
        }
        let text = words.since(place);
        return Some(if seen { Statement::Other(text) } else { Statement::Pass(text) });
    }
    None
}

/// What is set of a packet and decides nothing: `ip dscp set af11`, `tcp option maxseg size set rt mtu`,
/// `meta nftrace set 1`.
fn header_action<'snap>(words: &mut Words<'snap>) -> Option<Statement<'snap>> {
    let place = words.place();
    let header = words.text()?;
    let harmless = matches!(
        (header, words.keyword()),
        ("meta", "nftrace" | "priority" | "secmark" | "broute")
            | ("ip", "dscp" | "ecn" | "ttl")
            | ("ip6", "dscp" | "ecn" | "hoplimit" | "flowlabel")
            | ("tcp", "option")
    );
    if !harmless {
        return None;
    }
    let mut steps = 0;
    while words.keyword() != "set" {
        words.next()?;
        steps += 1;
        if steps > 3 {
            return None;
        }
    }
    words.next();
    if words.eat("rt") {
        words.next();
        return Some(Statement::Pass(words.since(place)));
    }
    words.next()?;
    if words.keyword() == "map" {
        return None;
    }
    Some(Statement::Pass(words.since(place)))
}

/// `update @affinity-… { ip saddr timeout 1m }`; with a limit inside, it is one.
fn dynamic<'snap>(words: &mut Words<'snap>, line: u32) -> Option<Statement<'snap>> {
    let place = words.place();
    let adds = words.text()? != "delete";
    let name = words.keyword().strip_prefix('@')?;
    words.next();
    let inside = words.braced()?;
    let text = words.since(place);
    let kind = if inside.contains(" over ") { Limit::Over } else { Limit::Until };
    let limited = [" limit ", " quota ", " ct count "].iter().any(|word| inside.contains(word));
    let key = || expression(&mut Words::of(inside), line).filter(|_| adds && !inside.contains(" : "));
    Some(if limited { Statement::Limit(kind, text) } else { Statement::Enter(name, key()) })
}

/// `reject`, `reject with icmp port-unreachable`, `reject with icmpx type admin-prohibited`, `reject with tcp reset`
fn reject<'snap>(words: &mut Words<'snap>) -> Statement<'snap> {
    words.next();
    if !words.eat("with") {
        return Statement::Reject("icmp-port-unreachable");
    }
    let kind = words.text().unwrap_or_default();
    words.eat("type");
    let what = words.text().unwrap_or_default();
    Statement::Reject(match (kind, what) {
        ("tcp", _) => "tcp-reset",
        (_, "port-unreachable") => "icmp-port-unreachable",
        (_, "net-unreachable" | "no-route") => "icmp-net-unreachable",
        (_, "host-unreachable" | "addr-unreachable") => "icmp-host-unreachable",
        (_, "prot-unreachable") => "icmp-proto-unreachable",
        (_, "net-prohibited") => "icmp-net-prohibited",
        (_, "host-prohibited") => "icmp-host-prohibited",
        (_, "admin-prohibited") => "icmp-admin-prohibited",
        (_, "policy-fail") => "icmp6-policy-fail",
        (_, "reject-route") => "icmp6-reject-route",
        _ => "icmp-unreachable",
    })
}

/// `meta mark set EXPR`; whatever else is set may decide.
fn set<'snap>(words: &mut Words<'snap>, left: &Expr<'snap>, place: usize, line: u32) -> Statement<'snap> {
    let Expr::Meta(Meta::Mark) = left else {
        words.rest();
        return Statement::Other(words.since(place));
    };
    if let Some(value) = expression(words, line).or_else(|| constant(words, Kind::Number)) {
        return Statement::Mark(value);
    }
    words.rest();
    Statement::Other(words.since(place))
}

fn compare<'snap>(words: &mut Words<'snap>, left: &Expr<'snap>, line: u32) -> (Op, Right<'snap>) {
    let op = match words.keyword() {
        "==" | "eq" => Op::Equal,
        "!=" | "ne" => Op::NotEqual,
        "<" | "lt" => Op::Less,
        ">" | "gt" => Op::Greater,
        "<=" | "le" => Op::LessOrEqual,
        ">=" | "ge" => Op::GreaterOrEqual,
        "!" => Op::None,
        _ => Op::Implicit,
    };
    if op != Op::Implicit {
        words.next();
    }
    let mut kinds = left.kinds();
    if let Expr::Ct(super::expr::Ct::Address(..)) = left
        && words.keyword().contains(':')
    {
        kinds = vec![Kind::Ipv6];
    }
    if let Some(name) = words.keyword().strip_prefix('@') {
        words.next();
        return (op, Right::Named(name));
    }
    if words.keyword() == "{" {
        let place = words.place();
        if let Some(text) = words.braced() {
            return (op, Right::Here(Box::new(Elements::anonymous(kinds, text, line))));
        }
        words.rest();
        return (op, Right::Unknown(words.since(place)));
    }
    let kind = kinds.first().copied().unwrap_or(Kind::Other);
    if kind.is_bits() && kinds.len() == 1 {
        let place = words.place();
        let bits = bits(words, kind).unwrap_or_else(|| Right::Unknown(words.since(place)));
        return (op, bits);
    }
    let mut patterns = Vec::with_capacity(kinds.len());
    for (place, kind) in kinds.iter().enumerate() {
        if place > 0 && !words.eat(".") {
            return (op, Right::Unknown(words.rest()));
        }
        match words.next() {
            Some(word) => patterns.push(Pattern::read(*kind, word.text, word.quoted)),
            None => return (op, Right::Unknown("")),
        }
    }
    (op, Right::Patterns(patterns))
}

/// `new`, `established,related`, `fin | syn`, `(fin | syn)`, `syn / fin,syn,rst,ack`, `0x0`
fn bits<'snap>(words: &mut Words<'snap>, kind: Kind) -> Option<Right<'snap>> {
    let value = some_bits(words, kind)?;
    if words.eat("/") {
        let mask = some_bits(words, kind)?;
        return Some(Right::Masked { value, mask });
    }
    Some(Right::Bits(value))
}

fn some_bits(words: &mut Words<'_>, kind: Kind) -> Option<u128> {
    let braced = words.eat("(");
    let mut all = 0;
    loop {
        all |= kind.number(words.text()?)?;
        if !words.eat(",") && !words.eat("|") {
            break;
        }
    }
    (!braced || words.eat(")")).then_some(all)
}
