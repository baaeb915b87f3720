//! Reads one rule line. What is not known becomes `Test::Unknown` or `Target::Unknown` with its text;
//! only a line that is no rule at all is refused.

use super::net::{Net, Ports};
use super::option::{Not, Words};
use super::parse_match::{Parsed, module};
use super::parse_target::target;
use super::rule::{Match, Rule, Side, Target, Test};
use super::token;
use crate::dataplane::Loc;

/// Reads a line such as `-A KUBE-SERVICES -d 10.96.0.1/32 -p tcp -m tcp --dport 443 -j KUBE-SVC-…`.
/// `at.text` is the line without counters.
///
/// # Errors
/// What is wrong with the line, as a fragment, when it is no rule.
pub fn parse_rule(at: Loc<'_>) -> Result<Rule<'_>, &'static str> {
    let line = at.text;
    let mut tokens = token::Tokens::new();
    if !token::split(line, &mut tokens) {
        return Err("a quote is not closed");
    }
    let mut words = Words::new(line, &tokens);
    match words.next().map(|token| token.text) {
        Some("-A" | "-I" | "--append" | "--insert") => {}
        _ => return Err("no rule"),
    }
    let Some(chain) = words.next().map(|token| token.text) else {
        return Err("a rule without a chain");
    };
    // a check of all Services keeps all rules: no more room than most of them need
    let matches = Vec::with_capacity(tokens.iter().filter(|token| token.is_test()).count());
    let mut rule = Rule { chain, matches, target: Target::None, target_text: "", comment: None, at };
    let mut protocol = 0;
    while let Some(token) = words.peek() {
        let start = token.start;
        let not = if token.text == "!" && !token.quoted {
            words.next();
            Not::Negated
        } else {
            Not::Plain
        };
        let Some(option) = words.peek() else {
            return Err("a rule that ends in `!`");
        };
        match option.text {
            "-j" | "--jump" | "-g" | "--goto" => {
                words.next();
                let goto = matches!(option.text, "-g" | "--goto");
                let Some(name) = words.next() else {
                    return Err("`-j` without a target");
                };
                rule.target = if goto { Target::Goto(name.text) } else { target(name.text, &mut words) };
                rule.target_text = words.text_from(start);
            }
            "-m" | "--match" => {
                words.next();
                let Some(name) = words.next() else {
                    return Err("`-m` without a name");
                };
                let read = module(name.text, protocol, &mut words, start, &mut rule.matches);
                if let Parsed::Comment(text) = read {
                    rule.comment = Some(text);
                }
            }
            _ => {
                // `-S` and pasted rules may put a port right behind `-p tcp`, without `-m tcp`.
                let basic = basic(&mut words, &mut protocol);
                rule.matches.push(Match { test: basic, not, text: words.text_from(start) });
            }
        }
    }
    Ok(rule)
}

/// A test that needs no `-m`.
fn basic<'snap>(words: &mut Words<'_, 'snap>, protocol: &mut u8) -> Test<'snap> {
    let Some(option) = words.next() else {
        return Test::Unknown;
    };
    let parsed = match option.text {
        "-s" | "--source" | "--src" => words.value().and_then(Net::parse).map(|net| Test::Address(Side::Src, net)),
        "-d" | "--destination" | "--dst" => words.value().and_then(Net::parse).map(|net| Test::Address(Side::Dst, net)),
        "-i" | "--in-interface" => words.value().map(Test::InInterface),
        "-o" | "--out-interface" => words.value().map(Test::OutInterface),
        "-p" | "--protocol" | "--proto" => words.value().and_then(protocol_number).map(|number| {
            *protocol = number;
            Test::Protocol(number)
        }),
        "-f" | "--fragment" => Some(Test::Fragment),
        "--dport" | "--destination-port" => words.value().and_then(Ports::parse).map(|p| Test::Port(Side::Dst, p)),
        "--sport" | "--source-port" => words.value().and_then(Ports::parse).map(|p| Test::Port(Side::Src, p)),
        _ => {
            words.skip_module();
            None
        }
    };
    parsed.unwrap_or(Test::Unknown)
}

/// `tcp` → 6. Names as the tools print them.
pub(super) fn protocol_number(text: &str) -> Option<u8> {
    Some(match text {
        "all" | "any" => 0,
        "icmp" => 1,
        "igmp" => 2,
        "ipencap" | "ipip" => 4,
        "tcp" => 6,
        "udp" => 17,
        "dccp" => 33,
        "ipv6" => 41,
        "gre" => 47,
        "esp" | "ipsec-esp" => 50,
        "ah" | "ipsec-ah" => 51,
        "ipv6-icmp" | "icmpv6" => 58,
        "vrrp" => 112,
        "sctp" => 132,
        "udplite" => 136,
        other => other.parse().ok()?,
    })
}
