//! Counts, lists and shell words as findings say them. Text in, text out.

/// How many of a list are spelled out.
const SPELLED: usize = 3;

/// `1 pod`, `3 pods`.
#[must_use]
pub fn count(number: usize, noun: &str) -> String {
    if number == 1 { format!("1 {noun}") } else { format!("{number} {noun}s") }
}

/// `1 pod has`, `3 pods have`.
#[must_use]
pub fn count_has(number: usize, noun: &str) -> String {
    format!("{} {}", count(number, noun), if number == 1 { "has" } else { "have" })
}

/// `a, b, c and 4 more`.
#[must_use]
pub fn list<T: AsRef<str>>(items: &[T]) -> String {
    let mut text = items.iter().take(SPELLED).map(AsRef::as_ref).collect::<Vec<_>>().join(", ");
    match items.len().saturating_sub(SPELLED) {
        0 => {}
        // "and 1 more" takes as much room as most names do.
        1 => {
            for last in items.iter().skip(SPELLED) {
                text.push_str(", ");
                text.push_str(last.as_ref());
            }
        }
        more => {
            text.push_str(" and ");
            text.push_str(&more.to_string());
            text.push_str(" more");
        }
    }
    text
}

/// A word for a POSIX shell: as it stands when it is harmless, else quoted.
#[must_use]
pub fn shell(word: &str) -> String {
    let harmless = |c: char| c.is_ascii_alphanumeric() || "._-/:=,@+%".contains(c);
    if !word.is_empty() && word.chars().all(harmless) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_and_lists() {
        assert_eq!(count(1, "pod"), "1 pod");
        assert_eq!(count_has(0, "pod"), "0 pods have");
        assert_eq!(list(&["a", "b"]), "a, b");
        assert_eq!(list(&["a", "b", "c", "d"]), "a, b, c, d");
        assert_eq!(list(&["a", "b", "c", "d", "e"]), "a, b, c and 2 more");
        assert_eq!(list::<&str>(&[]), "");
    }

    #[test]
    fn shell_words() {
        assert_eq!(shell("app=web"), "app=web");
        assert_eq!(shell("a'b;c"), r"'a'\''b;c'");
        assert_eq!(shell(""), "''");
    }
}
