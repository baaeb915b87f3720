//! The node's rules: loads a rule set into its namespace, reads back what the kernel says it holds, and clears it.

use std::process::Stdio;
use std::time::{Duration, Instant};

use svc_trace::collect::snapshot::{Completeness, Dump, NodeDumps};

use crate::case::{Backend, RuleSet};
use crate::machine;
use crate::topology::{World, feed, run};

/// Nothing, and every policy ACCEPT: the legacy tables keep a policy that is not named.
const EMPTY: &str = "*raw\n:PREROUTING ACCEPT\n:OUTPUT ACCEPT\nCOMMIT\n\
    *mangle\n:PREROUTING ACCEPT\n:INPUT ACCEPT\n:FORWARD ACCEPT\n:OUTPUT ACCEPT\n:POSTROUTING ACCEPT\nCOMMIT\n\
    *nat\n:PREROUTING ACCEPT\n:INPUT ACCEPT\n:OUTPUT ACCEPT\n:POSTROUTING ACCEPT\nCOMMIT\n\
    *filter\n:INPUT ACCEPT\n:FORWARD ACCEPT\n:OUTPUT ACCEPT\nCOMMIT\n\
    *security\n:INPUT ACCEPT\n:FORWARD ACCEPT\n:OUTPUT ACCEPT\nCOMMIT\n";

/// Loads a rule set into one backend. What was there before is gone.
pub(crate) fn load(world: &World, set: &RuleSet, backend: Backend) {
    if !set.ipset.is_empty() {
        feed(world.on_node("ipset").arg("restore"), &set.ipset);
    }
    for (key, value) in &set.sysctl {
        run(world.on_node("sysctl").args(["-qw", &format!("{key}={value}")]));
    }
    ip(world, &set.ip);
    for (family, rules) in [("iptables", &set.v4), ("ip6tables", &set.v6)] {
        if !rules.is_empty() {
            let mut restore = world.on_node(&format!("{family}-{}-restore", backend.as_str()));
            if backend == Backend::Legacy {
                restore.arg("-w");
            }
            feed(&mut restore, rules);
        }
    }
    if !set.nft.is_empty() {
        feed(world.on_node("nft").args(["-f", "-"]), &set.nft);
    }
    if !set.ipvs.is_empty() {
        feed(world.on_node("ipvsadm").arg("-R"), &set.ipvs);
    }
}

/// Takes a rule set away again. `was` are the settings to put back.
pub(crate) fn clear(world: &World, set: &RuleSet, backend: Backend, was: &[(String, String)]) {
    for family in ["iptables", "ip6tables"] {
        match backend {
            Backend::Legacy => {
                feed(world.on_node(&format!("{family}-legacy-restore")).arg("-w"), EMPTY);
            }
            Backend::Nft => {}
        }
    }
    if backend == Backend::Nft || !set.nft.is_empty() {
        run(world.on_node("nft").args(["flush", "ruleset"]));
    }
    if !set.ipvs.is_empty() {
        run(world.on_node("ipvsadm").arg("-C"));
    }
    if !set.ipset.is_empty() {
        destroy_sets(world);
    }
    for (key, value) in was {
        run(world.on_node("sysctl").args(["-qw", &format!("{key}={value}")]));
    }
    ip(world, &set.ip_undo);
    // Connections of the last set must not decide for the next.
    run(world.on_node("conntrack").arg("-F"));
}

/// nf_tables lets go of the sets that its rules used a moment after the rules are gone.
fn destroy_sets(world: &World) {
    // A list holds on to its members until it is emptied.
    run(world.on_node("ipset").arg("flush"));
    let deadline = Instant::now() + Duration::from_secs(10);
    loop {
        let gone =
            world.on_node("ipset").arg("destroy").stderr(Stdio::null()).status().is_ok_and(|status| status.success());
        if gone {
            return;
        }
        assert!(Instant::now() < deadline, "the sets stay in use");
        std::thread::yield_now();
    }
}

/// The present values of the settings that a rule set changes.
pub(crate) fn settings(world: &World, set: &RuleSet) -> Vec<(String, String)> {
    set.sysctl
        .iter()
        .map(|(key, _)| (key.clone(), run(world.on_node("sysctl").args(["-n", key])).trim().to_owned()))
        .collect()
}

/// Reads everything that the walk needs, under the names that a bundle has.
pub(crate) fn collect(world: &World, backend: Backend) -> NodeDumps {
    let mut dumps = NodeDumps::default();
    let save = |family: &str| format!("{family}-{}-save", backend.as_str());
    let (v4, v6) = (save("iptables"), save("ip6tables"));
    let sysctls = "net.ipv4.ip_forward net.ipv6.conf.all.forwarding net.ipv4.conf.all.route_localnet \
         net.ipv4.conf.all.rp_filter net.ipv4.conf.default.rp_filter net.bridge.bridge-nf-call-iptables \
         net.ipv4.vs.conntrack net.ipv4.vs.expire_quiescent_template net.ipv4.vs.sloppy_tcp net.ipv4.vs.conn_reuse_mode";
    let mut commands: Vec<(&str, &str, Vec<&str>)> = vec![
        ("iptables-save", &v4, vec!["-c"]),
        ("ip6tables-save", &v6, vec!["-c"]),
        ("ipset-save", "ipset", vec!["save"]),
        ("nft-ruleset", "nft", vec!["list", "ruleset"]),
        ("ip-addr", "ip", vec!["-j", "addr"]),
        ("ip-route", "ip", vec!["-j", "route", "show", "table", "all"]),
        ("ip-route6", "ip", vec!["-6", "-j", "route", "show", "table", "all"]),
        ("ip-rule", "ip", vec!["-j", "rule"]),
        ("ip-rule6", "ip", vec!["-6", "-j", "rule"]),
        ("sysctl", "sysctl", std::iter::once("--ignore").chain(sysctls.split_whitespace()).collect()),
    ];
    if machine::is_here() {
        commands.push(("ipvsadm-save", "ipvsadm", vec!["-Sn"]));
    }
    for (name, program, arguments) in commands {
        let text = run(world.on_node(program).args(&arguments));
        let argv = std::iter::once(program).chain(arguments).map(str::to_owned).collect();
        let dump = Dump { text, argv, exit: Some(0), complete: Completeness::Whole, ..Dump::default() };
        dumps.dumps.insert(name.to_owned(), dump);
    }
    dumps
}

fn ip(world: &World, lines: &[String]) {
    if !lines.is_empty() {
        feed(world.on_node("ip").args(["-batch", "-"]), &format!("{}\n", lines.join("\n")));
    }
}
