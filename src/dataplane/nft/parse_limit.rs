//! Reads limits and quotas, in a rule and as objects with a name.

use super::statement::{Limit, Statement};
use super::words::Words;

/// `limit rate over 400/minute burst 5 packets`, `quota over 25 mbytes used 0 bytes`, `limit name "x"`
pub(super) fn limit<'snap>(words: &mut Words<'snap>, word: &'snap str) -> Option<Statement<'snap>> {
    let place = words.place();
    words.next();
    if words.eat("name") {
        let name = words.text()?;
        return Some(Statement::Limit(Limit::Named(word, name), words.since(place)));
    }
    let kind = limit_kind(words, word)?;
    Some(Statement::Limit(kind, words.since(place)))
}

/// What an object `limit l` or `quota q` holds: `rate over 10/second burst 5 packets`, `over 25 mbytes used 0 bytes`.
pub(super) fn named_limit<'snap>(text: &'snap str, word: &str) -> Limit<'snap> {
    let mut words = Words::of(text);
    limit_kind(&mut words, word).filter(|_| words.is_done()).unwrap_or(Limit::Open)
}

fn limit_kind<'snap>(words: &mut Words<'snap>, word: &str) -> Option<Limit<'snap>> {
    words.eat("rate");
    let kind = if words.eat("over") { Limit::Over } else { Limit::Until };
    words.eat("until");
    let most = words.text()?;
    let quota = bytes(most, words.keyword());
    let unit = |word: &str| word.ends_with("bytes") || word == "packets" || word.contains("/second");
    if unit(words.keyword()) || words.keyword().contains("bytes/") {
        words.next();
    }
    let mut used = Some(0);
    if words.eat(if word == "limit" { "burst" } else { "used" }) {
        let number = words.text()?;
        used = bytes(number, words.keyword());
        if unit(words.keyword()) {
            words.next();
        }
    }
    if word == "limit" {
        return Some(kind);
    }
    // Linux nft_quota.c nft_overquota: each packet is counted first.
    Some(match (quota, used) {
        (Some(quota), Some(used)) if used >= quota => {
            if kind == Limit::Over {
                Limit::Always
            } else {
                Limit::Never
            }
        }
        (Some(quota), Some(used)) if used.saturating_add(LARGE) < quota => kind,
        (Some(_) | None, Some(_) | None) => Limit::Open,
    })
}

/// A packet is no longer than this, in bytes.
const LARGE: u64 = 1 << 16;

/// `25 mbytes` (nftables `src/utils.c`, `src/datatype.c` data_unit_parse).
fn bytes(number: &str, unit: &str) -> Option<u64> {
    let number: u64 = number.parse().ok()?;
    let unit = match unit {
        "bytes" => 1,
        "kbytes" => 1 << 10,
        "mbytes" => 1 << 20,
        "gbytes" => 1 << 30,
        _ => return None,
    };
    number.checked_mul(unit)
}
