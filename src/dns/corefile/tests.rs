//! Corefiles as they are found, and what the reader makes of them.

use super::*;

const KUBEADM: &str = "\
.:53 {
    errors
    health {
       lameduck 5s
    }
    ready
    kubernetes cluster.local in-addr.arpa ip6.arpa {
       pods insecure
       fallthrough in-addr.arpa ip6.arpa
       ttl 30
    }
    prometheus :9153
    forward . /etc/resolv.conf {
       max_concurrent 1000
    }
    cache 30
    loop
    reload
}
";

fn absolute(text: &str) -> Name {
    name::absolute(text).expect("a name")
}

#[test]
fn as_kubeadm_writes_it() {
    let file = Corefile::read(KUBEADM);
    assert_eq!((file.blocks.len(), file.issues.len()), (1, 0));
    let block = file.blocks.first().expect("a block");
    let names: Vec<&str> = block.plugins.iter().map(|plugin| plugin.name).collect();
    assert_eq!(names, ["errors", "health", "ready", "kubernetes", "prometheus", "forward", "cache", "loop", "reload"]);
    let kubernetes = file.kubernetes().next().expect("kubernetes");
    assert_eq!(kubernetes.domains().map(name::plain).collect::<Vec<_>>(), ["cluster.local"]);
    assert_eq!((kubernetes.pods, kubernetes.plugin.line), (PodRecords::Insecure, 7));
    assert!(kubernetes.answers(&absolute("1.0.96.10.in-addr.arpa")) && !kubernetes.answers(&absolute("example.com")));
    let (_, forward) = file.forwards().next().expect("forward");
    assert_eq!(forward.to, [Upstream::File("/etc/resolv.conf")]);
    assert_eq!(forward.plugin.text, "forward . /etc/resolv.conf {");
    assert!(file.is_whole());
}

#[track_caller]
fn case(text: &str, expected: &str) {
    let file = Corefile::read(text);
    let line = |plugin: &Plugin<'_>| {
        let mut words = vec![plugin.name];
        words.extend(&plugin.args);
        let body: Vec<String> =
            plugin.body.iter().map(|line| format!("{}({})", line.name, line.args.join(" "))).collect();
        format!("{}{{{}}}", words.join(" "), body.join(","))
    };
    let blocks: Vec<String> = file
        .blocks
        .iter()
        .map(|block| {
            let keys: Vec<String> =
                block.keys.iter().map(|key| format!("{}:{}", name::plain(&key.zone), key.port)).collect();
            let plugins: Vec<String> = block.plugins.iter().map(line).collect();
            format!("{} => {}", keys.join(" "), plugins.join(" "))
        })
        .collect();
    let issues: Vec<String> = file.issues.iter().map(|(line, why)| format!("{line}: {why}")).collect();
    assert_eq!([blocks.join(" | "), issues.join(" | ")].join(" ! "), expected, "{text}");
}

#[test]
fn forms_of_blocks() {
    case(".:53 {\n  log\n}\n", ".:53 => log{} ! ");
    case("example.org, example.net {\n log\n}", "example.org:53 example.net:53 => log{} ! ");
    case("example.org,\nexample.net\n{\n log\n}", "example.org:53 example.net:53 => log{} ! ");
    case("dns://. tls://.:853 {\n log # all\n # none\n}", ".:53 .:853 => log{} ! ");
    case("10.0.0.0/8 {\n log\n}", "10.in-addr.arpa:53 => log{} ! ");
    case("10.0.0.0/25:54 {\n log\n}", "0.0.10.in-addr.arpa:54 => log{} ! ");
    case("fd00::/8 {\n log\n}", "d.f.ip6.arpa:53 => log{} ! ");
    case(".\nlog\nerrors", ".:53 => log{} errors{} ! ");
    case(
        "(common) {\n errors\n cache 30\n}\n. {\n import common\n hosts {\n 192.0.2.1 a.test\n }\n import custom/*.override\n}",
        ".:53 => errors{} cache 30{} hosts{192.0.2.1(a.test)} import custom/*.override{} ! ",
    );
    case(
        ". {\n template IN A x.test {\n  answer \"{{ .Name }} 60 IN A 192.0.2.1\"\n }\n}",
        ".:53 => template IN A x.test{answer({{ .Name }} 60 IN A 192.0.2.1)} ! ",
    );
}

#[test]
fn what_is_broken_is_said() {
    case(". {\n log\n", ".:53 => log{} ! 1: its `{` is not closed");
    case("a..b {\n log\n}", " => log{} ! 1: `a..b` is no zone");
    case(". {\n answer \"x\n}", ".:53 => answer x{} ! 2: a quote is not closed on its line");
    case("", " ! ");
    case("(a) {\n import a\n}\n. {\n import a\n}", ".:53 => import a{} ! ");
}

#[test]
fn the_longest_zone_answers() {
    let file = Corefile::read(
        ". {\n log\n}\ncorp.test:53 {\n errors\n}\ntls://a.corp.test {\n log\n}\nb.corp.test:1053 {\n log\n}",
    );
    let line = |name: &str| file.block_of(&absolute(name), 53).map(|block| block.line);
    assert_eq!(line("example.com"), Some(1));
    assert_eq!(line("db.corp.test"), Some(4));
    assert_eq!(line("a.corp.test"), Some(4));
    // another port is another server
    assert_eq!(line("b.corp.test"), Some(4));
}

#[test]
fn upstreams() {
    let to = |text| upstream(text);
    assert_eq!(to("192.0.2.53"), Upstream::Address("192.0.2.53".parse().expect("an address"), 53));
    assert_eq!(to("dns://127.0.0.1:5353"), Upstream::Address("127.0.0.1".parse().expect("an address"), 5353));
    assert_eq!(to("[::1]:53"), Upstream::Address("::1".parse().expect("an address"), 53));
    assert_eq!(to("::1"), Upstream::Address("::1".parse().expect("an address"), 53));
    assert_eq!(to("/etc/resolv.conf"), Upstream::File("/etc/resolv.conf"));
    assert_eq!(to("tls://9.9.9.9"), Upstream::Other("tls://9.9.9.9"));
    assert_eq!(to("{$UPSTREAM}"), Upstream::Other("{$UPSTREAM}"));
}

proptest::proptest! {
    #[test]
    fn any_text_is_read(text in "[a-z.:{}()\"# \n]{0,120}") {
        let file = Corefile::read(&text);
        let lines = text.lines().count().max(1);
        proptest::prop_assert!(file.issues.iter().all(|(line, _)| *line >= 1 && *line <= lines));
        proptest::prop_assert!(file.blocks.iter().all(|block| block.line >= 1 && block.line <= lines));
    }
}
