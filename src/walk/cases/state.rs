//! What connection tracking knows, and what packets leave behind for later rules.

use super::*;

#[test]
fn not_tracked_is_not_translated() {
    let raw = ("raw", "-A PREROUTING -d 10.96.0.1/32 -j CT --notrack");
    let nat = ("nat", "-A PREROUTING -d 10.96.0.1/32 -j DNAT --to-destination 10.244.2.5:8080");
    case(&[raw, nat], POD, VIP, &["untouched 10.96.0.1:80"]);
    case(&[raw, ("filter", "-A FORWARD -m conntrack --ctstate UNTRACKED -j DROP")], POD, VIP, &["dropped"]);
    // A test of a connection never holds without one, also not the other way round.
    case(
        &[raw, ("filter", "-A FORWARD -m conntrack ! --ctorigdst 9.9.9.9/32 -j DROP")],
        POD,
        VIP,
        &["untouched 10.96.0.1:80"],
    );
}

#[test]
fn what_is_asked_of_a_connection_that_is_not_there() {
    // Before connections are looked up there is none, and its state is INVALID.
    let raw = |rules: &str, expected: &str| case(&[("raw", rules)], POD, VIP, &[expected]);
    let (passes, drops) = ("untouched 10.96.0.1:80", "dropped");
    raw("-A PREROUTING -m conntrack --ctstate NEW -j DROP", passes);
    raw("-A PREROUTING -m conntrack --ctstate INVALID -j DROP", drops);
    raw("-A PREROUTING -m conntrack ! --ctstate NEW -j DROP", drops);
    raw("-A PREROUTING -m conntrack --ctproto 6 -j DROP", passes);
    raw("-A PREROUTING -m connmark --mark 0 -j DROP", passes);
    raw("-A PREROUTING -m conntrack --ctstate INVALID --ctorigdst 1.2.3.4/32 -j DROP", drops);
    raw("-A PREROUTING -m conntrack --ctstate NEW --ctorigdst 10.96.0.1/32 -j DROP", passes);
    let untracked = |test: &str, expected: &str| {
        let filter = format!("-A FORWARD -m conntrack {test} -j DROP");
        case(&[("raw", "-A PREROUTING -p tcp -j CT --notrack"), ("filter", &filter)], POD, VIP, &[expected]);
    };
    untracked("--ctstate UNTRACKED --ctorigdst 1.2.3.4/32", drops);
    untracked("--ctstate UNTRACKED ! --ctorigdst 10.96.0.1/32", drops);
    untracked("--ctorigdst 1.2.3.4/32 --ctstate UNTRACKED", drops);
    untracked("--ctstate UNTRACKED -m conntrack --ctorigdst 10.96.0.1/32", passes);
    untracked("--ctorigdst 10.96.0.1/32", passes);
    let tracked = |test: &str, expected: &str| {
        case(&[("filter", &format!("-A FORWARD -m conntrack {test} -j DROP"))], POD, VIP, &[expected]);
    };
    tracked("--ctstate NEW --ctorigdst 10.96.0.1/32", drops);
    tracked("--ctstate NEW --ctorigdst 1.2.3.4/32", passes);
    tracked("--ctstate NEW ! --ctorigdst 1.2.3.4/32", drops);
}

#[test]
fn what_is_looped_back_has_its_connection() {
    let nat = ("nat", "-A OUTPUT -d 10.96.0.1/32 -j DNAT --to-destination 192.168.50.11:6443");
    let raw = ("raw", "-A PREROUTING -i lo -j CT --notrack");
    let input = |test: &str| format!("-A INPUT -m conntrack {test} -j DROP");
    let ends = |test: &str, expected: &str| case(&[raw, nat, ("filter", &input(test))], NODE, VIP, &[expected]);
    ends("--ctstate UNTRACKED", "local 192.168.50.11:6443");
    ends("--ctstate NEW", "dropped");
    ends("--ctstatus CONFIRMED", "dropped");
    ends("--ctstatus CONFIRMED,ASSURED", "dropped");
    ends("! --ctstatus CONFIRMED", "local 192.168.50.11:6443");
    ends("--ctstatus ASSURED", "local 192.168.50.11:6443");
    let output = ("filter", "-A OUTPUT -m conntrack --ctstatus CONFIRMED -j DROP");
    case(&[nat, output], NODE, VIP, &["local 192.168.50.11:6443"]);
}

#[test]
fn state_gives_conditions_and_no_shares() {
    let recent = "
        -A PREROUTING -m recent --rcheck --seconds 10800 --reap --name A --mask 255.255.255.255 --rsource -j DNAT --to-destination 10.0.0.1
        -A PREROUTING -m recent --set --name B --mask 255.255.255.255 --rsource -j DNAT --to-destination 10.0.0.2";
    case(
        &[("nat", recent)],
        POD,
        VIP,
        &["[when this client was entered in A in the last 10800 s] delivered 10.0.0.1:80", "delivered 10.0.0.2:80"],
    );
    case(
        &[("filter", "-A FORWARD -m limit --limit 5/sec -j ACCEPT\n-A FORWARD -j DROP")],
        POD,
        VIP,
        &["untouched 10.96.0.1:80", "[when the rate of 5/sec is used up] dropped"],
    );
}

#[test]
fn what_a_rule_enters_the_next_one_sees() {
    let list = "--name S --mask 255.255.255.255 --rsource";
    let forward = |rules: &str, expected: &[&str]| case(&[("filter", rules)], POD, VIP, expected);
    let (passes, drops) = (["untouched 10.96.0.1:80"], ["dropped"]);
    let set = format!("-A FORWARD -m recent --set {list}");
    forward(&format!("{set}\n-A FORWARD -m recent --rcheck {list} -j DROP"), &drops);
    forward(&format!("{set}\n-A FORWARD -m recent ! --rcheck {list} -j DROP"), &passes);
    forward(&format!("{set} -m recent --update --seconds 60 --hitcount 1 {list} -j DROP"), &drops);
    forward(&format!("{set}\n{set}\n-A FORWARD -m recent --rcheck --hitcount 2 {list} -j DROP"), &drops);
    forward(
        &format!("{set}\n-A FORWARD -m recent --update --seconds 60 --hitcount 4 {list} -j DROP"),
        &["[when this client was entered in S in the last 60 s] dropped", "untouched 10.96.0.1:80"],
    );
    // What stands before the test that fails is done all the same.
    forward(
        &format!("{set} -p udp\n-A FORWARD -m recent --rcheck {list} -j DROP"),
        &["[when this client was entered in S] dropped", "untouched 10.96.0.1:80"],
    );
    forward(&format!("{set} -m mark --mark 1\n-A FORWARD -m recent --rcheck {list} -j DROP"), &drops);
    let before = format!("-A FORWARD -p udp -m recent --set {list}\n-A FORWARD -m recent --rcheck {list} -j DROP");
    forward(&before, &["[when this client was entered in S] dropped", "untouched 10.96.0.1:80"]);
    let half = "-m statistic --mode random --probability 0.5";
    let chance = format!("-A FORWARD {half} -m recent --set {list}\n-A FORWARD -m recent --rcheck {list} -j DROP");
    forward(
        &chance,
        &["50.0 % dropped", "[when this client was entered in S] dropped", "50.0 % untouched 10.96.0.1:80"],
    );
    let remove = format!("-A FORWARD -m recent --remove {list}");
    forward(&format!("{set}\n{remove}\n-A FORWARD -m recent --rcheck {list} -j DROP"), &passes);
    forward(&format!("{set}\n{remove}\n{set}\n-A FORWARD -m recent --rcheck {list} -j DROP"), &drops);
    let other = "--name S --mask 255.255.255.255 --rdest";
    forward(
        &format!("{set}\n-A FORWARD -m recent --rcheck {other} -j DROP"),
        &["indeterminate", "[if line 7 matches] dropped", "[if line 7 does not match] untouched 10.96.0.1:80"],
    );
}

#[test]
fn what_a_rule_enters_in_an_ipset_the_next_one_sees() {
    let ends = |rules: &str| -> Vec<String> {
        let mut dumps = node(dump(&[("filter", rules)]), Completeness::Whole);
        let sets =
            "create foo hash:ip family inet hashsize 1024 maxelem 65536\ncreate list list:set size 8\nadd list foo\n";
        dumps.dumps.insert("ipset-save".into(), Dump { text: sets.into(), exit: Some(0), ..Dump::default() });
        walk(&Plane::new("n", &dumps, &[]), &packet(POD, VIP)).iter().map(words).collect()
    };
    let add = "-A FORWARD -j SET --add-set foo src --exist";
    assert_eq!(ends("-A FORWARD -m set --match-set foo src -j DROP"), ["untouched 10.96.0.1:80"]);
    assert_eq!(ends(&format!("{add}\n-A FORWARD -m set --match-set foo src -j DROP")), ["dropped"]);
    let open = ["indeterminate", "[if line 7 matches] dropped", "[if line 7 does not match] untouched 10.96.0.1:80"];
    assert_eq!(ends(&format!("{add}\n-A FORWARD -m set --match-set foo dst -j DROP")), open);
    assert_eq!(ends(&format!("{add}\n-A FORWARD -m set --match-set list src -j DROP")), open);
    assert_eq!(ends("-A FORWARD -j SET --del-set foo src\n-A FORWARD -m set --match-set foo src -j DROP"), open);
    assert_eq!(ends("-A FORWARD -j SET --map-set foo src --map-mark"), ["indeterminate"]);
}

#[test]
fn several_states_of_one_rule_must_all_hold() {
    let recent = "-m recent --rcheck --name OK --mask 255.255.255.255 --rsource";
    let limit = "-m limit --limit 5/sec";
    let known = "[when this client was entered in OK, unless the rate of 5/sec is used up] untouched 10.96.0.1:80";
    for tests in [format!("{recent} {limit}"), format!("{limit} {recent}")] {
        let filter = format!(":FORWARD DROP [0:0]\n-A FORWARD {tests} -j ACCEPT");
        case(&[("filter", &filter)], POD, VIP, &[known, "dropped"]);
    }
    let two = format!(":FORWARD DROP [0:0]\n-A FORWARD {limit} -m connlimit --connlimit-upto 3 -j ACCEPT");
    case(
        &[("filter", &two)],
        POD,
        VIP,
        &["untouched 10.96.0.1:80", "[when the rate of 5/sec is used up or the rate of 3 is used up] dropped"],
    );
}

#[test]
fn the_connection_itself_counts() {
    let forward = |test: &str, expected: &[&str]| {
        case(&[("filter", &format!("-A FORWARD -p tcp -m connlimit {test} -j DROP"))], POD, VIP, expected);
    };
    forward("--connlimit-above 0 --connlimit-mask 32 --connlimit-saddr", &["dropped"]);
    forward("--connlimit-upto 0 --connlimit-mask 32 --connlimit-saddr", &["untouched 10.96.0.1:80"]);
    forward(
        "--connlimit-above 1 --connlimit-mask 32 --connlimit-saddr",
        &["[when there are more than 1] dropped", "untouched 10.96.0.1:80"],
    );
}
