//! What `iptables -L` prints behind a rule's columns, word by word, as the options that `iptables -S` has for it
//! (iptables 1.8 extensions/libxt_*.c, libipt_*.c: `print` against `save`). What is not known is kept as one word of
//! a match that nobody knows.

use super::row::plain;

/// Matches and target of a rule, in the syntax of `iptables -S`: ` -m tcp --dport 80 -j DNAT --to-destination …`.
pub(super) fn rule(target: &str, rest: &str) -> String {
    let mut out = String::new();
    let Some((comment, rest)) = comment(rest) else {
        unread(&mut out, rest);
        return out + &jump(target, false);
    };
    if let Some(comment) = comment {
        out.push_str(" -m comment --comment ");
        quote(&mut out, comment);
    }
    let words: Vec<&str> = rest.split_ascii_whitespace().collect();
    let mut words = Words { words: &words };
    let goto = words.take("[goto]");
    loop {
        let (before, len) = (words.words, out.len());
        if words.one(&mut out).is_none() {
            words.words = before;
            out.truncate(len);
            break;
        }
    }
    let jump = jump(target, goto);
    if words.words.is_empty() {
        return out + &jump;
    }
    if changes_nothing(target, words.words) {
        return out + &jump;
    }
    let before = words.words;
    if let Some(options) = options(target, &mut words).filter(|_| words.words.is_empty()) {
        return out + &jump + &options;
    }
    unread(&mut out, &before.join(" "));
    // a target without its options may do something else
    out + &jump + if has_options(target) { super::UNREAD } else { "" }
}

fn jump(target: &str, goto: bool) -> String {
    match (target, goto) {
        ("", _) => String::new(),
        (target, true) => format!(" -g {target}"),
        (target, false) => format!(" -j {target}"),
    }
}

fn unread(out: &mut String, text: &str) {
    out.push_str(super::MARKS[1].0);
    quote(out, text);
}

fn quote(out: &mut String, text: &str) {
    out.push('"');
    for c in text.chars() {
        if matches!(c, '"' | '\\') {
            out.push('\\');
        }
        out.push(c);
    }
    out.push('"');
}

/// The comment, and what stands round it. Nothing when it cannot be told where it ends: a comment may hold its own mark.
fn comment(rest: &str) -> Option<(Option<&str>, String)> {
    let (begins, ends) = (rest.matches("/*").count(), rest.matches("*/").count());
    if (begins, ends) == (0, 0) {
        return Some((None, rest.to_owned()));
    }
    let (before, inside) = rest.split_once("/* ")?;
    let (inside, after) = inside.split_once(" */")?;
    ((begins, ends) == (1, 1)).then(|| (Some(inside), format!("{before} {after}")))
}

/// Words that are not read yet.
struct Words<'a, 't> {
    words: &'a [&'t str],
}

impl<'t> Words<'_, 't> {
    fn peek(&self) -> Option<&'t str> {
        self.words.first().copied()
    }

    fn next(&mut self) -> Option<&'t str> {
        let (first, rest) = self.words.split_first()?;
        self.words = rest;
        Some(first)
    }

    fn take(&mut self, word: &str) -> bool {
        let found = self.peek() == Some(word);
        if found {
            self.next();
        }
        found
    }

    /// These words, one after the other.
    fn all(&mut self, words: &[&str]) -> Option<()> {
        words.iter().all(|word| self.take(word)).then_some(())
    }

    fn value(&mut self) -> Option<&'t str> {
        self.next().filter(|word| plain(word))
    }

    /// A value that may be turned round: `!80`, `! 80`, `80`.
    fn turned(&mut self) -> Option<(&'static str, &'t str)> {
        if self.take("!") {
            return Some(("! ", self.value()?));
        }
        let value = self.value()?;
        Some(match value.strip_prefix('!') {
            Some(value) if !value.is_empty() => ("! ", value),
            Some(_) => return None,
            None => ("", value),
        })
    }

    /// One match.
    fn one(&mut self, out: &mut String) -> Option<()> {
        let not = if self.take("!") { "! " } else { "" };
        let word = self.next()?;
        let mut add = |text: String| out.push_str(&text);
        match (word, not) {
            ("tcp" | "udp" | "udplite" | "sctp" | "dccp", "") => {
                add(format!(" -m {word}"));
                while let Some(option) = self.peek().and_then(port) {
                    self.next();
                    add(option);
                }
            }
            ("multiport", "") => {
                let side = self.next().filter(|side| matches!(*side, "dports" | "sports" | "ports"))?;
                let (not, ports) = self.turned()?;
                add(format!(" -m multiport {not}--{side} {ports}"));
            }
            ("mark" | "connmark", "") => {
                self.all(&["match"])?;
                let (not, mark) = self.turned()?;
                add(format!(" -m {word} {not}--mark {mark}"));
            }
            (
                "ctstate" | "ctproto" | "ctorigsrc" | "ctorigdst" | "ctreplsrc" | "ctrepldst" | "ctorigsrcport"
                | "ctorigdstport" | "ctreplsrcport" | "ctrepldstport" | "ctstatus" | "ctexpire" | "ctdir",
                _,
            ) => {
                // The state is printed first; what follows it is of the same module, unless somebody wrote two of them.
                let goes_on = word != "ctstate"
                    && out.rsplit(" -m ").next().is_some_and(|last| last.starts_with("conntrack ") && out != last);
                let module = if goes_on { "" } else { " -m conntrack" };
                out.push_str(&format!("{module} {not}--{word} {}", self.value()?));
            }
            ("state", _) => add(format!(" -m state {not}--state {}", self.value()?)),
            ("match-set", _) => {
                let (set, sides) = (self.value()?, self.value()?);
                add(format!(" -m set {not}--match-set {set} {sides}"));
                if self.take("return-nomatch") {
                    add(" --return-nomatch".into());
                }
            }
            ("ADDRTYPE", "") => add(self.address_types()?),
            ("recent:", _) => add(self.recent(not)?),
            ("statistic", "") => add(self.statistic()?),
            ("PHYSDEV", "") => add(self.bridge_port()?),
            ("source" | "destination", "") => {
                self.all(&["IP", "range"])?;
                let (not, range) = self.turned()?;
                let side = if word == "source" { "src" } else { "dst" };
                add(format!(" -m iprange {not}--{side}-range {range}"));
            }
            ("limit:" | "#conn", "") => add(self.rate(word)?),
            ("rpfilter", "") => {
                add(" -m rpfilter".into());
                while let Some(word) =
                    self.peek().filter(|word| matches!(*word, "loose" | "validmark" | "accept-local" | "invert"))
                {
                    self.next();
                    add(format!(" --{word}"));
                }
            }
            ("PKTTYPE", "") => {
                let not = match self.next()? {
                    "=" => "",
                    "!=" => "! ",
                    _ => return None,
                };
                add(format!(" -m pkttype {not}--pkt-type {}", self.value()?));
            }
            ("owner", _) => {
                let who = match self.next()? {
                    "UID" => "uid",
                    "GID" => "gid",
                    _ => return None,
                };
                self.all(&["match"])?;
                add(format!(" -m owner {not}--{who}-owner {}", self.value()?));
            }
            ("icmptype" | "ipv6-icmptype" | "icmp" | "ipv6-icmp", "") => add(self.icmp(word)?),
            ("nfacct-name", "") => add(format!(" -m nfacct --nfacct-name {}", self.value()?)),
            ("ipvs", _) => add(format!(" -m ipvs {not}--ipvs")),
            ("vproto" | "vaddr" | "vport" | "vdir" | "vmethod", _) => {
                add(format!(" -m ipvs {not}--{word} {}", self.value()?));
            }
            _ => return None,
        }
        Some(())
    }

    /// `ADDRTYPE match src-type !UNICAST,LOCAL dst-type LOCAL limit-in`
    fn address_types(&mut self) -> Option<String> {
        self.all(&["match"])?;
        let mut out = " -m addrtype".to_owned();
        loop {
            match self.peek() {
                Some(side @ ("src-type" | "dst-type")) => {
                    self.next();
                    let (not, types) = self.turned()?;
                    out.push_str(&format!(" {not}--{side} {types}"));
                }
                Some(limit @ ("limit-in" | "limit-out")) => {
                    self.next();
                    out.push_str(&format!(" --limit-iface-{}", limit.trim_start_matches("limit-")));
                }
                _ => return Some(out),
            }
        }
    }

    /// `recent: CHECK seconds: 10800 reap hit_count: 4 name: KUBE-SEP-X side: source mask: 255.255.255.255`
    fn recent(&mut self, not: &str) -> Option<String> {
        let action = match self.next()? {
            "SET" => "set",
            "CHECK" => "rcheck",
            "UPDATE" => "update",
            "REMOVE" => "remove",
            _ => return None,
        };
        let mut out = format!(" -m recent {not}--{action}");
        loop {
            let option = match self.peek() {
                Some("seconds:") => "seconds",
                Some("hit_count:") => "hitcount",
                Some("name:") => "name",
                Some("mask:") => "mask",
                Some("reap") => {
                    self.next();
                    out.push_str(" --reap");
                    continue;
                }
                Some("side:") => {
                    self.next();
                    out.push_str(match self.next()? {
                        "source" => " --rsource",
                        "dest" => " --rdest",
                        _ => return None,
                    });
                    continue;
                }
                _ => return Some(out),
            };
            self.next();
            out.push_str(&format!(" --{option} {}", self.value()?));
        }
    }

    /// `statistic mode random ! probability 0.33000000007`, `statistic mode nth every 3 packet 1`
    fn statistic(&mut self) -> Option<String> {
        self.all(&["mode"])?;
        let mode = self.next().filter(|mode| matches!(*mode, "random" | "nth"))?;
        let not = if self.take("!") { "! " } else { "" };
        let option = self.next().filter(|option| matches!(*option, "probability" | "every"))?;
        let mut out = format!(" -m statistic --mode {mode} {not}--{option} {}", self.value()?);
        if mode == "nth" && self.take("packet") {
            out.push_str(&format!(" --packet {}", self.value()?));
        }
        Some(out)
    }

    /// `PHYSDEV match --physdev-in eth0 ! --physdev-is-bridged`
    fn bridge_port(&mut self) -> Option<String> {
        self.all(&["match"])?;
        let mut out = " -m physdev".to_owned();
        while self.peek().is_some_and(|word| word.starts_with("--physdev-"))
            || self.peek() == Some("!") && self.words.get(1).is_some_and(|word| word.starts_with("--physdev-"))
        {
            let not = if self.take("!") { "! " } else { "" };
            let option = self.next()?;
            out.push_str(&format!(" {not}{option}"));
            if !option.starts_with("--physdev-is-") {
                out.push_str(&format!(" {}", self.value()?));
            }
        }
        Some(out)
    }

    /// `limit: avg 3/min burst 5`, `limit: up to 3/min burst 5 mode srcip`, `#conn src/32 > 10`
    fn rate(&mut self, word: &str) -> Option<String> {
        if word == "#conn" {
            self.next().filter(|mask| mask.starts_with("src/") || mask.starts_with("dst/"))?;
            let option = match self.next()? {
                ">" => "above",
                "<=" => "upto",
                _ => return None,
            };
            return Some(format!(" -m connlimit --connlimit-{option} {}", self.value()?));
        }
        let mut out = match self.next()? {
            "avg" => format!(" -m limit --limit {}", self.value()?),
            "up" => {
                self.all(&["to"])?;
                format!(" -m hashlimit --hashlimit-upto {}", self.value()?)
            }
            "above" => format!(" -m hashlimit --hashlimit-above {}", self.value()?),
            _ => return None,
        };
        let module = if out.contains("hashlimit") { "hashlimit" } else { "limit" };
        while let Some(option) = self.peek().filter(|word| {
            matches!(
                *word,
                "burst"
                    | "mode"
                    | "srcmask"
                    | "dstmask"
                    | "htable-size"
                    | "htable-max"
                    | "htable-gcinterval"
                    | "htable-expire"
            )
        }) {
            self.next();
            out.push_str(&format!(" --{module}-{option} {}", self.value()?));
        }
        Some(out)
    }

    /// `icmptype 8 code 0`, `icmp !type 3 code 4`, `icmp echo-request`
    fn icmp(&mut self, word: &str) -> Option<String> {
        let six = word.starts_with("ipv6");
        let not = if !word.ends_with("type") && self.take("!type") { "! " } else { "" };
        let (sign, kind) = self.turned()?;
        let code = if self.take("code") { format!("/{}", self.value()?) } else { String::new() };
        let (module, option) = if six { ("icmp6", "icmpv6-type") } else { ("icmp", "icmp-type") };
        Some(format!(" -m {module} {not}{sign}--{option} {kind}{code}"))
    }
}

/// `dpt:80`, `dpts:!80:90`, `spt:1024`, `flags:0x17/0x02`
fn port(word: &str) -> Option<String> {
    let (name, value) = word.split_once(':')?;
    let (not, value) = value.strip_prefix('!').map_or(("", value), |value| ("! ", value));
    let option = match name {
        "dpt" | "dpts" => "dport",
        "spt" | "spts" => "sport",
        "flags" => {
            let (mask, set) = value.split_once('/')?;
            return Some(format!(" {not}--tcp-flags {} {}", flags(mask)?, flags(set)?));
        }
        _ => return None,
    };
    plain(value).then(|| format!(" {not}--{option} {value}"))
}

/// `0x17` as `FIN,SYN,RST,ACK`, and names as they are.
fn flags(text: &str) -> Option<String> {
    const NAMES: [&str; 6] = ["FIN", "SYN", "RST", "PSH", "ACK", "URG"];
    let Some(hex) = text.strip_prefix("0x") else {
        return plain(text).then(|| text.to_owned());
    };
    let bits = u8::from_str_radix(hex, 16).ok().filter(|bits| *bits < 1 << NAMES.len())?;
    let names: Vec<&str> =
        NAMES.iter().enumerate().filter(|(at, _)| bits >> at & 1 == 1).map(|(_, name)| *name).collect();
    Some(if names.is_empty() { "NONE".to_owned() } else { names.join(",") })
}

/// What a target prints of itself that does nothing to where a packet goes.
fn changes_nothing(target: &str, words: &[&str]) -> bool {
    let first = words.first().copied().unwrap_or_default();
    match target {
        "LOG" | "TCPMSS" | "CHECKSUM" | "CLASSIFY" | "TOS" | "DSCP" | "TTL" | "HL" | "AUDIT" => first == target,
        "NFLOG" => first.starts_with("nflog-"),
        _ => false,
    }
}

fn has_options(target: &str) -> bool {
    matches!(target, "DNAT" | "SNAT" | "NETMAP" | "MASQUERADE" | "REDIRECT" | "MARK" | "CONNMARK" | "CT" | "SET")
}

/// What the target prints of itself, as its options.
fn options(target: &str, words: &mut Words<'_, '_>) -> Option<String> {
    let mut out = String::new();
    match target {
        "SET" => {
            while let Some(word) = words.next() {
                match word {
                    "add-set" | "del-set" => {
                        out.push_str(&format!(" --{word} {} {}", words.value()?, words.value()?));
                    }
                    "timeout" => out.push_str(&format!(" --timeout {}", words.value()?)),
                    "exist" => out.push_str(" --exist"),
                    _ => return None,
                }
            }
        }
        "DNAT" | "SNAT" | "NETMAP" => {
            let option = match target {
                "DNAT" => "to-destination",
                "SNAT" => "to-source",
                _ => "to",
            };
            let to = words.next()?.strip_prefix("to:").filter(|to| plain(to))?;
            out.push_str(&format!(" --{option} {to}"));
        }
        "MASQUERADE" if words.take("masq") => {
            words.all(&["ports:"])?;
            out.push_str(&format!(" --to-ports {}", words.value()?));
        }
        "REDIRECT" if words.take("redir") => {
            words.all(&["ports"])?;
            out.push_str(&format!(" --to-ports {}", words.value()?));
        }
        "MASQUERADE" | "REDIRECT" => {}
        "REJECT" => {
            words.all(&["reject-with"])?;
            return Some(format!(" --reject-with {}", words.value()?));
        }
        "MARK" => {
            words.all(&["MARK"])?;
            return change_of_mark(words);
        }
        "CONNMARK" => {
            words.all(&["CONNMARK"])?;
            let Some(verb @ ("save" | "restore")) = words.peek() else {
                return change_of_mark(words);
            };
            words.next();
            out.push_str(&format!(" --{verb}-mark"));
            while let Some(option @ ("mask" | "nfmask" | "ctmask")) = words.peek() {
                words.next();
                out.push_str(&format!(" --{option} {}", words.value()?.trim_start_matches('~')));
            }
            return Some(out);
        }
        "CT" if words.take("NOTRACK") => out.push_str(" --notrack"),
        "CT" => {
            words.all(&["CT"])?;
            return match words.next()? {
                "notrack" => Some(" --notrack".into()),
                option @ ("zone" | "helper" | "timeout" | "ctevents" | "expevents") => {
                    Some(format!(" --{option} {}", words.value()?))
                }
                _ => None,
            };
        }
        "NOTRACK" => words.all(&["NOTRACK"])?,
        _ => return None,
    }
    while let Some(option @ ("random" | "persistent" | "random-fully")) = words.peek() {
        words.next();
        out.push_str(&format!(" --{option}"));
    }
    Some(out)
}

/// `or 0x4000`, `set 0x1`, `xset 0x1/0xff`
fn change_of_mark(words: &mut Words<'_, '_>) -> Option<String> {
    let verb = words.next()?;
    let value = words.value()?;
    Some(match verb {
        "or" | "and" | "xor" => format!(" --{verb}-mark {value}"),
        "set" => format!(" --set-xmark {value}/0xffffffff"),
        "xset" => format!(" --set-xmark {value}"),
        _ => return None,
    })
}
