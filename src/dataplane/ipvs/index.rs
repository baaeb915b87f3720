//! One pass over a dump: where each virtual server's lines are. Their servers are read when it is asked for.

use super::line::{self, Address};
use super::{Block, Form, Ipvs, Key, Loc, Partly, State, Then, Unread, Virtual};
use crate::dataplane::links::Family;

impl<'snap> Ipvs<'snap> {
    /// Notes where each virtual server begins.
    pub(super) fn index(&mut self, text: &'snap str) {
        let bytes = text.as_bytes();
        if self.form == Form::Save && memchr::memmem::find(bytes, b"--add-service ").is_none() {
            return self.index_saved(text);
        }
        let (mut at, mut number) = (0, 0_u32);
        // Start and line of the block that is open.
        let mut open: Option<(usize, u32, Option<Key>)> = None;
        while at < bytes.len() {
            let rest = bytes.get(at..).unwrap_or_default();
            let end = at + memchr::memchr(b'\n', rest).map_or(rest.len(), |found| found + 1);
            number += 1;
            if let Some(line) = text.get(at..end).filter(|line| self.begins(line)) {
                let line = line.trim_end();
                self.close(text, open.take(), at);
                match self.key(line) {
                    Ok(key) => open = Some((at, number, Some(key))),
                    Err(partly) => {
                        let at = Loc { dump: self.dump, line: number, text: line };
                        self.unread.push(Unread { at, partly });
                        open = Some((end, number, None));
                    }
                }
            }
            at = end;
        }
        self.close(text, open, bytes.len());
    }

    /// The same, of lines that all begin with `-A ` or `-a `: ten of eleven are passed over.
    fn index_saved(&mut self, text: &'snap str) {
        let bytes = text.as_bytes();
        let first = bytes.starts_with(b"-A ").then_some(0);
        let starts = first.into_iter().chain(memchr::memmem::find_iter(bytes, b"\n-A ").map(|before| before + 1));
        let (mut counted, mut number) = (0, 1_u32);
        let mut open: Option<(usize, u32, Option<Key>)> = None;
        for start in starts {
            let lines = memchr::memchr_iter(b'\n', bytes.get(counted..start).unwrap_or_default()).count();
            (counted, number) = (start, number.saturating_add(u32::try_from(lines).unwrap_or(u32::MAX)));
            self.close(text, open.take(), start);
            let rest = text.get(start..).unwrap_or_default();
            let len = memchr::memchr(b'\n', rest.as_bytes()).unwrap_or(rest.len());
            let line = rest.get(..len).unwrap_or_default().trim_end();
            match self.key(line) {
                Ok(key) => open = Some((start, number, Some(key))),
                Err(partly) => {
                    self.unread.push(Unread { at: Loc { dump: self.dump, line: number, text: line }, partly });
                    open = None;
                }
            }
        }
        self.close(text, open, bytes.len());
    }

    /// Whether a line begins a virtual server.
    fn begins(&self, line: &str) -> bool {
        match self.form {
            Form::Save => line.starts_with("-A ") || line.starts_with("--add-service "),
            Form::List | Form::Proc => line::listed_address(line).is_some(),
        }
    }

    fn close(&mut self, text: &'snap str, open: Option<(usize, u32, Option<Key>)>, end: usize) {
        if let Some((start, line, Some(key))) = open
            && let Some(own) = text.get(start..end)
        {
            let gap = end == text.len() || own.ends_with("\n\n");
            self.by_key.insert(key, self.blocks.len());
            self.blocks.push(Block { line, text: own, then: if gap { Then::Gap } else { Then::Another } });
        }
    }

    fn key(&self, text: &str) -> Result<Key, Partly> {
        let unknown = Partly { protocol: None, ip: None, port: None };
        let (word, address) = match self.form {
            Form::Save => {
                let mut words = text.split_ascii_whitespace().skip(1);
                (words.next().unwrap_or_default(), words.next().unwrap_or_default())
            }
            Form::List | Form::Proc => {
                let mut words = text.split_ascii_whitespace();
                (words.next().unwrap_or_default(), words.next().unwrap_or_default())
            }
        };
        if matches!(word, "FWM" | "-f" | "--fwmark-service") {
            let mark = match self.form {
                Form::Proc => u32::from_str_radix(address, 16).ok(),
                Form::Save | Form::List => address.parse().ok(),
            };
            // `-f 1 -6`, `FWM  1 IPv6 rr`
            let six = text.split_ascii_whitespace().skip(2).any(|word| matches!(word, "-6" | "--ipv6" | "IPv6"));
            let family = if six { Family::V6 } else { Family::V4 };
            return mark.map(|mark| Key::Mark(family, mark)).ok_or(unknown);
        }
        let protocol = line::protocol(word);
        let read = self.address(address);
        match (protocol, read) {
            (Some(protocol), Address { ip: Some(ip), port: Some(port) }) => {
                Ok(Key::Address(protocol, std::net::SocketAddr::new(ip, port)))
            }
            (protocol, Address { ip, port }) => Err(Partly { protocol, ip, port }),
        }
    }

    fn address(&self, text: &str) -> Address {
        match self.form {
            Form::Save | Form::List => line::address(text),
            Form::Proc => line::hexadecimal(text),
        }
    }

    /// Reads a virtual server with all its servers.
    pub(super) fn read_block(&self, block: Block<'snap>) -> Option<Virtual<'snap>> {
        let mut lines = block.text.lines().zip(block.line..).map(|(text, line)| Loc {
            dump: self.dump,
            line,
            text: text.trim_end(),
        });
        let head = lines.next()?;
        let key = self.key(head.text).ok()?;
        let words: Vec<&str> = head.text.split_ascii_whitespace().collect();
        let mut server = match self.form {
            Form::Save => saved(key, &words, head),
            Form::List | Form::Proc => listed(key, &words, head),
        };
        if self.state == State::Part && block.then == Then::Gap {
            server.goes_on = lines.clone().filter(|at| !at.text.is_empty()).last().or(Some(head));
        }
        for at in lines.filter(|at| !at.text.is_empty()) {
            let rest = match self.form {
                Form::Save => self.of_server(at.text, key),
                Form::List | Form::Proc => at.text.trim_start().strip_prefix("-> "),
            };
            let Some(rest) = rest else { continue };
            let found = match self.form {
                Form::Save => line::saved_server(rest, at),
                Form::List | Form::Proc => line::listed_server(rest, at, |text| self.address(text)),
            };
            match found {
                Some(found) => server.servers.push(found),
                None => {
                    server.unread.get_or_insert(at);
                }
            }
        }
        Some(server)
    }

    /// What stands behind `-a` in a line of a server of this virtual server.
    fn of_server<'a>(&self, text: &'a str, of: Key) -> Option<&'a str> {
        let rest = text.strip_prefix("-a ").or_else(|| text.strip_prefix("--add-server "))?;
        self.key(text).is_ok_and(|key| key == of).then_some(rest)
    }
}

/// `-A -t 10.96.10.49:80 -s rr -p 10800 -M 255.255.255.0 -b sh-port`
fn saved<'snap>(key: Key, words: &[&'snap str], at: Loc<'snap>) -> Virtual<'snap> {
    let value = |names: [&str; 2]| {
        let place = words.iter().position(|word| names.contains(word))?;
        words.get(place + 1).copied()
    };
    Virtual {
        key,
        name: words.get(2).copied().unwrap_or_default(),
        scheduler: super::Scheduler(value(["-s", "--scheduler"]).unwrap_or("wlc")),
        // without a number it is 300 seconds (ipvsadm(8))
        persistent: words
            .iter()
            .any(|word| matches!(*word, "-p" | "--persistent"))
            .then(|| value(["-p", "--persistent"]).and_then(|text| text.parse().ok()).unwrap_or(300)),
        scheduler_flags: value(["-b", "--sched-flags"]).unwrap_or_default(),
        servers: Vec::new(),
        unread: None,
        goes_on: None,
        at,
    }
}

/// `TCP  10.96.10.49:80 sh (sh-fallback,sh-port) persistent 10800 mask 255.255.255.0 ops`
fn listed<'snap>(key: Key, words: &[&'snap str], at: Loc<'snap>) -> Virtual<'snap> {
    let rest: Vec<&str> = words.iter().skip(2).copied().filter(|word| *word != "IPv6").collect();
    let place = rest.iter().position(|word| *word == "persistent");
    // The kernel's file counts in ticks of 1/250 s or other (`persistent 2700000 FFFFFFFF`), ipvsadm in seconds.
    let seconds = place.and_then(|place| rest.get(place + 1)).and_then(|text| text.parse::<u32>().ok());
    let ticks = place.and_then(|place| rest.get(place + 2)).is_some_and(|mask| mask.len() == 8);
    Virtual {
        key,
        name: words.get(1).copied().unwrap_or_default(),
        // with `--stats` and `--rate` there are counters here
        scheduler: super::Scheduler(
            rest.first().filter(|word| !word.starts_with(|c: char| c.is_ascii_digit())).copied().unwrap_or_default(),
        ),
        persistent: place.map(|_| if ticks { 0 } else { seconds.unwrap_or(0) }),
        scheduler_flags: rest.iter().find_map(|word| word.strip_prefix('(')?.strip_suffix(')')).unwrap_or_default(),
        servers: Vec::new(),
        unread: None,
        goes_on: None,
        at,
    }
}
