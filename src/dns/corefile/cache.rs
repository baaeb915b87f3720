//! How long a server block remembers that a name does not exist (coredns plugin/cache/README.md and handler.go).

use super::{Block, Plugin};

/// Seconds that `kubernetes` gives its answers where it does not say (plugin/kubernetes, `defaultTTL`).
const TTL: i64 = 5;
/// Most and least that `cache` keeps a denial where it does not say (plugin/cache, `maxNTTL`, `minNTTL`).
const MOST: i64 = 1800;
const LEAST: i64 = 5;

impl Block<'_> {
    /// Seconds for which "there is no such name" is kept, and the line that says so; `None`: it is not kept.
    #[must_use]
    pub fn denial(&self) -> Option<(i64, &Plugin<'_>)> {
        let cache = self.find("cache")?;
        let lines = |name: &'static str| cache.body.iter().filter(move |line| line.name == name);
        if lines("disable").any(|line| line.args.first() == Some(&"denial")) {
            return None;
        }
        let number = |text: Option<&&str>| text.and_then(|text| text.parse::<i64>().ok());
        let denial = lines("denial").next_back();
        let own =
            self.find("kubernetes").map(|plugin| number(plugin.line_of("ttl").and_then(|line| line.args.first())));
        // behind another server it is that one's word
        let given = own.map_or(MOST, |ttl| ttl.unwrap_or(TTL));
        let most = number(denial.and_then(|line| line.args.get(1))).or(number(cache.args.first())).unwrap_or(MOST);
        let least = number(denial.and_then(|line| line.args.get(2))).unwrap_or(LEAST);
        Some((given.min(most).max(least), denial.unwrap_or(cache)))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]
mod tests {
    use crate::dns::Corefile;

    #[track_caller]
    fn case(plugins: &str, expected: Option<i64>) {
        let text = format!(".:53 {{\n{plugins}\n}}\n");
        let file = Corefile::read(&text);
        assert_eq!(file.blocks[0].denial().map(|(seconds, _)| seconds), expected, "{plugins}");
    }

    #[test]
    fn how_long_a_denial_is_kept() {
        let kubeadm = "kubernetes cluster.local {\n ttl 30\n}\n";
        case(&format!("{kubeadm}cache 30"), Some(30));
        case("kubernetes cluster.local\ncache 30", Some(5));
        case(kubeadm, None);
        case(&format!("{kubeadm}cache"), Some(30));
        case(&format!("{kubeadm}cache 10"), Some(10));
        case(&format!("{kubeadm}cache 30 {{\n disable denial cluster.local\n}}"), None);
        case(&format!("{kubeadm}cache 3600 {{\n denial 9984 60 45\n}}"), Some(45));
        // NodeLocal DNSCache
        case("cache {\n success 9984 30\n denial 9984 5\n}\nforward . 10.96.0.11", Some(5));
    }
}
