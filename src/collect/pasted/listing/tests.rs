//! Listings as people paste them, and the rules that they are.

use super::*;

#[track_caller]
fn case(text: &str, expected: &[&str]) {
    let found = as_rules(text).unwrap();
    assert_eq!(found.lines().collect::<Vec<_>>(), expected, "{text}");
    assert_eq!(found.lines().count(), text.lines().count(), "every line keeps its number");
}

const HEADING: &str = "target     prot opt source               destination         ";

#[test]
fn one_table_by_its_command() {
    case(
        &format!(
            "root@n:~# iptables -t nat -nL\nChain PREROUTING (policy ACCEPT)\n{HEADING}\n\
             KUBE-SERVICES  all  --  0.0.0.0/0            0.0.0.0/0            /* kubernetes service portals */\n\n\
             Chain KUBE-MARK-MASQ (3 references)\n{HEADING}\n\
             MARK       0    --  0.0.0.0/0            0.0.0.0/0            MARK or 0x4000\nroot@n:~#\n"
        ),
        &[
            "root@n:~# iptables -t nat -nL",
            ":PREROUTING ACCEPT [0:0] listed without interfaces",
            "",
            "-A PREROUTING -m comment --comment \"kubernetes service portals\" -j KUBE-SERVICES",
            "",
            ":KUBE-MARK-MASQ - [0:0] listed without interfaces",
            "",
            "-A KUBE-MARK-MASQ -j MARK --or-mark 0x4000",
            "root@n:~#",
        ],
    );
}

#[test]
fn tables_one_after_the_other_without_commands() {
    case(
        &format!(
            "Chain INPUT (policy ACCEPT)\n{HEADING}\nACCEPT     all  --  0.0.0.0/0            0.0.0.0/0           \n\
             Chain FORWARD (policy DROP)\n{HEADING}\n\
             Chain PREROUTING (policy ACCEPT)\n{HEADING}\n\
             Chain INPUT (policy ACCEPT)\n{HEADING}\n\
             Chain KUBE-SEP-X (1 references)\n{HEADING}\n\
             DNAT       tcp  --  0.0.0.0/0            0.0.0.0/0            tcp to:10.244.1.5:8080\n"
        ),
        &[
            "iptables -t filter -S",
            ":INPUT ACCEPT [0:0] listed without interfaces",
            "-A INPUT -m listed --without-interfaces -j ACCEPT",
            ":FORWARD DROP [0:0]",
            "",
            "iptables -t nat -S",
            ":PREROUTING ACCEPT [0:0]",
            ":INPUT ACCEPT [0:0]",
            "",
            ":KUBE-SEP-X - [0:0] listed without interfaces",
            "",
            "-A KUBE-SEP-X -p tcp -m tcp -j DNAT --to-destination 10.244.1.5:8080",
        ],
    );
}

#[test]
fn a_chain_that_the_command_names() {
    case(
        &format!(
            "root@n:~# iptables -t nat -nL KUBE-SERVICES | grep 10.96.0.1\n\
             KUBE-SVC-X  tcp  --  0.0.0.0/0            10.96.0.1            /* a/b cluster IP */ tcp dpt:80\n\
             root@n:~# ip6tables -nvL INPUT --line-numbers\nChain INPUT (policy ACCEPT)\nnum   pkts bytes {VERBOSE}\n\
             1      12K  720 DROP       6    --  eth0   *       !fd00::/8           ::/0\n"
        ),
        &[
            "root@n:~# iptables -t nat -nL KUBE-SERVICES | grep 10.96.0.1",
            "-A KUBE-SERVICES -d 10.96.0.1/32 -p tcp -m listed --without-interfaces -m comment --comment \"a/b cluster IP\" \
             -m tcp --dport 80 -j KUBE-SVC-X",
            "root@n:~# ip6tables -nvL INPUT --line-numbers",
            ":INPUT ACCEPT [0:0]",
            "",
            "-A INPUT ! -s fd00::/8 -i eth0 -p tcp -j DROP",
        ],
    );
}

const VERBOSE: &str = "target     prot opt in     out     source               destination         ";

proptest::proptest! {
    #[test]
    fn any_lines_keep_their_number(words in proptest::collection::vec(proptest::sample::select(WORDS), 0..60)) {
        let text = words.join(" ");
        if let Some(found) = as_rules(&text) {
            proptest::prop_assert_eq!(found.lines().count(), text.lines().count());
        }
    }
}

const WORDS: &[&str] = &[
    "\n",
    "\n",
    "\n",
    "Chain A (1 references)\n",
    "Chain INPUT (policy DROP)\n",
    "$ iptables -t nat -nL X\n",
    "# ip6tables -S\n",
    "0",
    "12K",
    "A",
    "DNAT",
    "MARK",
    "CT",
    "tcp",
    "17",
    "--",
    "!f",
    "*",
    "!eth0",
    "anywhere",
    "!10.0.0.0/8",
    "::/0",
    "fd00::1",
    "/*",
    "*/",
    "!",
    "dpt:80",
    "flags:0x17/0x02",
    "flags:x",
    "recent:",
    "SET",
    "name:",
    "statistic",
    "mode",
    "nth",
    "ADDRTYPE",
    "match",
    "[goto]",
    "to:10.0.0.1:80",
    "\"",
    "\\",
    "-A X -j Y",
    "limit:",
    "up",
    "to",
    "mark",
    "or",
    "0x4000",
    "\u{e9}",
    "\ntarget prot opt source destination\n",
    "\nnum pkts bytes target prot opt in out source destination\n",
];

#[test]
fn marks_are_not_shown() {
    let shown = |rule: &str, expected: &str| assert_eq!(without_marks(rule), expected);
    shown("-A FORWARD -d 10.0.0.1/32 -m listed --without-interfaces -j DROP", "-A FORWARD -d 10.0.0.1/32 -j DROP");
    shown(
        "-A INPUT -m listed --unread \"policy match dir in\" -j ACCEPT",
        "-A INPUT \"policy match dir in\" -j ACCEPT",
    );
    shown("-A INPUT -j LOG --unread", "-A INPUT -j LOG");
    shown(":FORWARD ACCEPT [0:0] listed without interfaces", ":FORWARD ACCEPT [0:0]");
    shown("-A INPUT -j ACCEPT", "-A INPUT -j ACCEPT");
}
