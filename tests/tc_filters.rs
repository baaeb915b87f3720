//! Filters of tc in a network namespace, read by the script that reads a node: those that may decide over a packet take
//! the certainty from what passes their interface. Needs root, `ip` and `tc`; without them it says so and is skipped, or
//! fails where `SVC_TRACE_REQUIRE` names `netns`.
#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stderr, reason = "tests")]

use std::io::Write;
use std::process::{Command, Stdio};

use svc_trace::collect::dumps::{Row, row};
use svc_trace::collect::script::{self, Frame, Reading};
use svc_trace::dataplane::tc;

/// A namespace; gone when dropped.
struct World {
    name: String,
}

impl World {
    fn new() -> Result<Self, String> {
        let name = format!("svctrace-{}-tc", std::process::id());
        let made = Command::new("ip").args(["netns", "add", &name]).output().map_err(|error| format!("ip: {error}"))?;
        if made.status.success() {
            Ok(Self { name })
        } else {
            Err(String::from_utf8_lossy(&made.stderr).trim().to_owned())
        }
    }

    /// What a shell in it prints.
    fn shell(&self, text: &str) -> Vec<u8> {
        let mut shell = Command::new("ip")
            .args(["netns", "exec", &self.name, "sh", "-s"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        shell.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
        let done = shell.wait_with_output().unwrap();
        assert!(done.status.success(), "{text}");
        done.stdout
    }

    fn read(&self) -> Reading {
        let rows: Vec<Row> = ["tc-filter", "ip-link"].iter().map(|name| *row(name).unwrap()).collect();
        let frame = Frame::random();
        let reading = script::read(&frame, &rows, &self.shell(&script::build(&frame, &rows)));
        assert!(reading.done);
        assert_eq!(reading.missing, [""; 0]);
        reading
    }

    fn interfaces(&self) -> Vec<String> {
        let reading = self.read();
        tc::filters(&reading.dumps).iter().map(|filter| filter.interface.to_owned()).collect()
    }
}

impl Drop for World {
    fn drop(&mut self) {
        let _ = Command::new("ip").args(["netns", "del", &self.name]).output();
    }
}

#[test]
fn filters_are_found_where_they_are() {
    let has_tc = Command::new("tc").arg("-V").output().map_err(|error| format!("tc: {error}"));
    let world = match has_tc.and_then(|_| World::new()) {
        Ok(world) => world,
        Err(why) => {
            let required =
                std::env::var("SVC_TRACE_REQUIRE").is_ok_and(|list| list.split(',').any(|word| word == "netns"));
            assert!(!required, "SVC_TRACE_REQUIRE asks for namespaces: {why}");
            eprintln!("skipped: {why}");
            return;
        }
    };
    world.shell(
        "set -e
        for n in 0 1 2; do ip link add v$n type veth peer name w$n; ip link set v$n up; ip link set w$n up; done",
    );
    assert_eq!(world.interfaces(), [""; 0]);
    // a place for filters is none
    world.shell("set -e; tc qdisc add dev v0 clsact; tc qdisc add dev v1 handle ffff: ingress");
    assert_eq!(world.interfaces(), [""; 0]);
    // a program that lets all pass; that it does is not read
    world.shell("tc filter add dev v0 egress bpf direct-action bytecode '1,6 0 0 4294967295'");
    assert_eq!(world.interfaces(), ["v0"]);
    world.shell("tc filter add dev v1 parent ffff: bpf direct-action bytecode '1,6 0 0 4294967295'");
    let mut both = world.interfaces();
    both.sort_unstable();
    assert_eq!(both, ["v0", "v1"]);
    world.shell("set -e; tc qdisc del dev v0 clsact; tc qdisc del dev v1 ingress");
    assert_eq!(world.interfaces(), [""; 0]);
}
