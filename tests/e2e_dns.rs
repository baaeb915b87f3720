//! `dns` on a real cluster: silence when all is well, and the right verdict for each way that its DNS is broken on
//! purpose. Any KUBECONFIG with SVC_TRACE_E2E=1 for the first part; the faults need the cluster of `../shared/cluster`.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, missing_docs, reason = "tests")]

mod cluster;

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use cluster::{Cluster, Said, await_that};

/// A name that the servers outside the cluster know.
const OUTSIDE: &str = "db.example.test";

/// A way to break DNS: what breaks it, what mends it, what to ask, and the code of the verdict.
struct Fault {
    name: &'static str,
    on: &'static str,
    off: &'static str,
    asked: &'static [&'static str],
    code: &'static str,
    /// Words that the sentence must have.
    words: &'static str,
}

const ALL_NODES: &[&str] = &["--all-nodes"];

/// Helpers of the commands below, beside those of the cluster's own scripts. `dns_pod NODE` is the CoreDNS pod there;
/// `in_pod POD COMMAND` runs a command in a pod's network namespace.
const HELPERS: &str = r#"
source "$1/lib.sh"
dns_pods() { kubectl -n kube-system get pods -l k8s-app=kube-dns -o name "$@"; }
dns_pod() { dns_pods --field-selector "spec.nodeName=$1" | head -n 1; }
pod_ip() { kubectl -n kube-system get "$1" -o 'jsonpath={.status.podIP}'; }
dns_pid() {
  local id; id=$(kubectl -n kube-system get "$2" -o 'jsonpath={.status.containerStatuses[0].containerID}')
  in_node "$1" ctr --namespace k8s.io task ls | awk -v id="${id#containerd://}" '$1 == id {print $2}'
}
in_dns_pod() { local node=$1; shift; in_node "$node" nsenter --target "$(dns_pid "$node" "$(dns_pod "$node")")" --net -- "$@"; }
each_dns_pod() { local node; for node in $(nodes); do in_dns_pod "$node" "$@"; done; }
corefile() {
  kubectl -n kube-system get configmap coredns -o 'jsonpath={.data.Corefile}' >"$state/Corefile.was"
  sed "$1" "$state/Corefile.was" >"$state/Corefile.new"
  kubectl -n kube-system create configmap coredns --from-file=Corefile="$state/Corefile.new" --dry-run=client -o yaml |
    kubectl apply -f - >/dev/null 2>&1
}
restart_dns() { kubectl -n kube-system delete pods -l k8s-app=kube-dns --grace-period=1 --wait=true >/dev/null; }
dns_runs() { [[ $(kubectl -n kube-system get pods -l k8s-app=kube-dns -o 'jsonpath={.items[*].status.phase}') == 'Running Running' ]]; }
dns_restarts() { kubectl -n kube-system get pods -l k8s-app=kube-dns -o 'jsonpath={.items[*].status.containerStatuses[*].restartCount}' | grep -q '[1-9].*[1-9]'; }
dns_ready() { kubectl -n kube-system rollout status deployment/coredns --timeout=60s >/dev/null; }
mended() { kubectl apply -f "$folder/dns.yaml" >/dev/null 2>&1; restart_dns; dns_ready; }
"#;

const FAULTS: &[Fault] = &[
    Fault {
        name: "one of two pods answers nothing",
        on: "in_dns_pod b iptables -I INPUT -p udp --dport 53 -j DROP; in_dns_pod b iptables -I INPUT -p tcp --dport 53 -j DROP",
        off: "in_dns_pod b iptables -F INPUT",
        asked: ALL_NODES,
        code: "dns-one-server",
        words: "on b fails from everywhere",
    },
    Fault {
        name: "TCP closed at every server",
        on: "each_dns_pod iptables -I INPUT -p tcp --dport 53 -j REJECT --reject-with tcp-reset",
        off: "each_dns_pod iptables -F INPUT",
        asked: ALL_NODES,
        code: "dns-tcp-only",
        words: "over UDP it is well",
    },
    Fault {
        name: "UDP dropped at every server",
        on: "each_dns_pod iptables -I INPUT -p udp --dport 53 -j DROP",
        off: "each_dns_pod iptables -F INPUT",
        asked: ALL_NODES,
        code: "dns-udp-only",
        words: "over TCP it is well",
    },
    Fault {
        name: "UDP dropped on one node",
        on: "in_node b iptables -t raw -I PREROUTING -s 10.244.2.0/24 -p udp --dport 53 -j DROP",
        off: "in_node b iptables -t raw -F PREROUTING",
        asked: ALL_NODES,
        code: "dns-udp-only",
        words: "fails from node b",
    },
    Fault {
        // the DNS server of the node is a pod too, but is let out
        name: "all of port 53 closed for one node's pods (egress policy)",
        on: r#"for p in udp tcp; do in_node a iptables -t raw -I PREROUTING -s 10.244.1.0/24 -p $p --dport 53 -j DROP; done
in_node a iptables -t raw -I PREROUTING -s "$(pod_ip "$(dns_pod a)")" -j ACCEPT"#,
        off: "in_node a iptables -t raw -F PREROUTING",
        asked: ALL_NODES,
        code: "dns-one-node",
        words: "from node a alone, whichever server is asked: look at that node",
    },
    Fault {
        // from other nodes too, names outside fail where the DNS server of the node is asked: its cache is emptied
        name: "all of port 53 closed for one node's pods and its DNS server",
        on: "restart_dns; dns_ready; for p in udp tcp; do in_node a iptables -t raw -I PREROUTING -s 10.244.1.0/24 -p $p --dport 53 -j DROP; done",
        off: "in_node a iptables -t raw -F PREROUTING",
        asked: ALL_NODES,
        code: "dns-one-node",
        words: "servers on node a get no names from outside either",
    },
    Fault {
        name: "no way between nodes",
        on: "in_node a ip route delete 10.244.2.0/24",
        off: "in_node a ip route add 10.244.2.0/24 via 10.90.0.12",
        asked: ALL_NODES,
        code: "dns-across-nodes",
        words: "network between nodes",
    },
    Fault {
        name: "the DNS Service's rules gone on an iptables node",
        on: "in_node a iptables -t nat -F KUBE-SVC-TCOU7JCQXEZGVUNU",
        off: r#""$folder/fault" svc-chain-flushed off a"#,
        asked: ALL_NODES,
        code: "dns-service-ip-only",
        words: "UDP to the DNS Service kube-system/kube-dns at 10.96.0.10 fails from node a",
    },
    Fault {
        name: "the DNS Service's rules gone on an nftables node",
        on: r#"c=$(in_node b nft list chains ip | grep -oE 'service-[A-Z0-9]+-kube-system/kube-dns/udp/dns' | head -n 1); in_node b nft flush chain ip kube-proxy "$c""#,
        off: r#""$folder/fault" svc-chain-flushed off b"#,
        asked: ALL_NODES,
        code: "dns-service-ip-only",
        words: "fails from node b",
    },
    Fault {
        name: "the Service's selector edited",
        on: r#"kubectl -n kube-system patch service kube-dns -p '{"spec":{"selector":{"k8s-app":"kube-dnss"}}}'"#,
        off: r#"kubectl -n kube-system patch service kube-dns -p '{"spec":{"selector":{"k8s-app":"kube-dns"}}}'"#,
        asked: ALL_NODES,
        code: "dns-service-ip-only",
        words: "the DNS servers are well",
    },
    Fault {
        name: "the Service's TCP port removed",
        on: r#"kubectl -n kube-system patch service kube-dns --type=json -p '[{"op":"replace","path":"/spec/ports","value":[{"name":"dns","port":53,"protocol":"UDP","targetPort":53}]}]'"#,
        // `kubectl apply` merges ports by number, and so would leave one of two with the same
        off: r#"kubectl -n kube-system patch service kube-dns --type=json -p '[{"op":"replace","path":"/spec/ports","value":[{"name":"dns","port":53,"protocol":"UDP","targetPort":53},{"name":"dns-tcp","port":53,"protocol":"TCP","targetPort":53},{"name":"metrics","port":9153,"protocol":"TCP","targetPort":9153}]}]'"#,
        asked: ALL_NODES,
        code: "dns-service-ip-only",
        words: "TCP to the DNS Service",
    },
    Fault {
        name: "the servers outside are dead",
        on: "for p in udp tcp; do nsenter --net=/run/netns/kl-world iptables -I INPUT -p $p --dport 53 -j DROP; done; mended",
        off: "nsenter --net=/run/netns/kl-world iptables -F INPUT",
        asked: ALL_NODES,
        code: "dns-external-only",
        words: "CoreDNS forwards to",
    },
    Fault {
        name: "replies from another address",
        on: "for n in a b; do in_dns_pod $n nft \"table ip stray { chain out { type filter hook output priority 0; udp sport 53 ip saddr set 10.244.$(node_index $n).99; }; }\"; done",
        off: "each_dns_pod nft delete table ip stray",
        asked: ALL_NODES,
        code: "reply-from-wrong-source",
        words: "from 10.244.",
    },
    Fault {
        name: "a wildcard in the Corefile",
        on: r#"corefile 's|^ *ready|&\n    template IN A cluster.local {\n      answer "{{ .Name }} 60 IN A 192.0.2.7"\n    }|'; restart_dns; dns_ready"#,
        off: "mended",
        asked: ALL_NODES,
        code: "dns-wildcard",
        words: "answers every name",
    },
    Fault {
        name: "CoreDNS may not read the API",
        on: "kubectl delete clusterrolebinding system:coredns; restart_dns; await 30 CoreDNS dns_runs",
        off: "mended",
        asked: ALL_NODES,
        code: "dns-cluster-names-only",
        words: "CoreDNS's view of the API",
    },
    Fault {
        name: "CoreDNS forwards to itself and stops (loop)",
        on: "corefile 's|forward . /etc/resolv.conf|forward . 127.0.0.1|'; restart_dns; await 40 'CoreDNS stops' dns_restarts",
        off: "mended",
        asked: ALL_NODES,
        code: "dns-all-fail",
        words: "whichever server is asked",
    },
    Fault {
        name: "scaled to zero",
        on: r#""$folder/fault" coredns-down on"#,
        off: r#""$folder/fault" coredns-down off"#,
        asked: ALL_NODES,
        code: "dns-all-fail",
        words: "whichever server is asked",
    },
    Fault {
        name: "a wrong search list",
        on: r#"kubectl apply -f - <<<'{"apiVersion":"v1","kind":"Pod","metadata":{"name":"wrong-search","namespace":"default"},"spec":{"nodeName":"a","terminationGracePeriodSeconds":0,"containers":[{"name":"c","image":"kubelab-pod:dev","imagePullPolicy":"IfNotPresent","args":["pause"]}],"dnsPolicy":"None","dnsConfig":{"nameservers":["10.96.0.10"],"searches":["default.svc.cluster.test","svc.cluster.test"],"options":[{"name":"ndots","value":"5"}]}}}'; kubectl wait pod/wrong-search --for=condition=Ready --timeout=30s"#,
        off: "kubectl delete pod wrong-search --grace-period=0 --force",
        asked: &["--from", "pod/wrong-search"],
        code: "dns-short-names-only",
        words: "search list",
    },
    Fault {
        name: "slow servers",
        on: r#": >"$state/slow.pids"
for n in $(nodes); do
  pid=$(dns_pid "$n" "$(dns_pod "$n")")
  echo "$pid" >"$state/slow.$n"
  (for i in $(seq 60); do in_node "$n" kill -STOP "$pid"; sleep 1.3; in_node "$n" kill -CONT "$pid"; sleep 0.05; done) >/dev/null 2>&1 </dev/null &
  echo $! >>"$state/slow.pids"
done"#,
        off: r#"kill $(cat "$state/slow.pids"); for n in $(nodes); do in_node "$n" kill -CONT "$(cat "$state/slow.$n")"; done"#,
        asked: ALL_NODES,
        code: "dns-slow",
        words: "slow",
    },
];

fn dns(cluster: &Cluster, asked: &[&str]) -> Said {
    cluster.run(&[&["dns", "-o", "json", "-n", "default"], asked].concat())
}

fn shell(folder: &Path, command: &str) {
    let script = format!("{HELPERS}\n{command}");
    let output = Command::new("bash").args(["-c", &script, "fault"]).arg(folder).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() || std::thread::panicking(), "{command}: {said}");
}

/// A fault that is on until it is dropped.
struct Broken<'a> {
    folder: &'a Path,
    fault: &'a Fault,
}

impl<'a> Broken<'a> {
    fn by(folder: &'a Path, fault: &'a Fault) -> Self {
        let broken = Self { folder, fault };
        shell(folder, fault.on);
        broken
    }
}

impl Drop for Broken<'_> {
    fn drop(&mut self) {
        shell(self.folder, self.fault.off);
    }
}

/// The static binary that asks: a debug build of this machine's libc does not run in kube-proxy's image.
fn agent(test: &str) -> bool {
    let found = std::env::var_os("SVC_TRACE_AGENT").map(PathBuf::from).is_some_and(|path| path.is_file());
    if !found {
        let _ = writeln!(std::io::stderr(), "skipped {test}: SVC_TRACE_AGENT names no static binary");
        let required =
            std::env::var("SVC_TRACE_REQUIRE").is_ok_and(|list| list.split(',').any(|layer| layer == "cluster"));
        assert!(!required, "SVC_TRACE_REQUIRE asks for a cluster, and SVC_TRACE_AGENT names no static binary");
    }
    found
}

fn verdict(said: &Said) -> (String, String) {
    let of = |field: &str| said.json["dns"]["verdict"][field].as_str().unwrap_or_default().to_owned();
    (of("code"), of("sentence"))
}

#[test]
fn healthy_dns_is_well() {
    const NAME: &str = "healthy_dns_is_well";
    let Some(cluster) = Cluster::find(NAME) else { return };
    let ours = cluster.scripts(NAME).is_some();
    if !agent(NAME) {
        return;
    }
    // elsewhere the cluster may be cut off from the internet
    let outside = if ours { OUTSIDE } else { "kubernetes.default.svc.cluster.local" };
    let asked = ["kubernetes", "--all-nodes", "--external", outside];
    let said = await_that(Duration::from_secs(30), || dns(&cluster, &asked), |said| said.exit == Some(0));
    assert_eq!((said.exit, verdict(&said).0.as_str()), (Some(0), ""), "{said:#?}");
    if ours {
        assert_eq!(said.codes("findings"), [""; 0], "{said:#?}");
    }
    let places = said.json["dns"]["places"].as_array().unwrap();
    assert_eq!(places.len(), cluster.nodes().len());
    for cell in places.iter().flat_map(|place| place["cells"].as_array().unwrap()) {
        assert_eq!(cell["lost"], 0, "{cell:#}");
    }
    assert_eq!(said.json["service"]["name"], "kubernetes", "the whole way to the Service");
    assert_eq!(cluster.jobs(), [""; 0]);
}

#[test]
fn every_place_can_ask_and_a_bundle_says_the_same() {
    const NAME: &str = "every_place_can_ask_and_a_bundle_says_the_same";
    let Some(cluster) = Cluster::find(NAME) else { return };
    if cluster.scripts(NAME).is_none() || !agent(NAME) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let bundle = folder.path().join("bundle");
    let bundle = bundle.to_str().unwrap();
    let live = dns(&cluster, &["echo", "--external", OUTSIDE, "--from", "deploy/echo", "--save", bundle]);
    assert_eq!(live.exit, Some(0), "{live:#?}");
    let replayed = dns(&cluster, &["echo", "--external", OUTSIDE, "--from", "deploy/echo", "--bundle", bundle]);
    assert_eq!(replayed.json, live.json);
    let host = dns(&cluster, &["--external", OUTSIDE, "--from", "node/b"]);
    assert_eq!((host.exit, &host.json["dns"]["places"][0]["client"]), (Some(0), &"host".into()), "{host:#?}");
    assert_eq!(cluster.jobs(), [""; 0]);
}

#[test]
fn every_kind_of_name_is_compared_with_the_objects() {
    const NAME: &str = "every_kind_of_name_is_compared_with_the_objects";
    let Some(cluster) = Cluster::find(NAME) else { return };
    if cluster.scripts(NAME).is_none() || !agent(NAME) {
        return;
    }
    let alias = |name: &str, to: &str| {
        format!(
            "apiVersion: v1\nkind: Service\nmetadata: {{name: {name}, namespace: default}}\nspec: {{type: ExternalName, externalName: {to}}}"
        )
    };
    let _made = cluster.with(
        &[alias("outside", "world.example.test"), alias("inside", "echo.default.svc.cluster.local")].join("\n---\n"),
    );
    // the name, the type, what is in its answer
    for (asked, record, data) in [
        ("_https._tcp.kubernetes", "SRV", "0 100 443 kubernetes.default.svc.cluster.local."),
        ("10.96.0.1", "PTR", "kubernetes.default.svc.cluster.local."),
        ("outside", "A", "world.example.test."),
        ("inside", "A", "echo.default.svc.cluster.local."),
    ] {
        let look = || dns(&cluster, &[asked, "--external", OUTSIDE]);
        let said = await_that(Duration::from_secs(15), look, |said| said.exit == Some(0));
        let mut codes = said.codes("findings");
        // the Services are young
        codes.retain(|code| code != "negative-cache");
        assert_eq!((said.exit, codes), (Some(0), Vec::new()), "{asked}: {said:#?}");
        let cells = said.json["dns"]["places"][0]["cells"].as_array().unwrap();
        let of_name = |cell: &&serde_json::Value| cell["kind"] == "asked" && cell["record"] == record;
        let answers: Vec<_> = cells.iter().filter(of_name).map(|cell| &cell["answers"]).collect();
        // the Service and two pods by both transports
        assert_eq!(answers.len(), 6, "{asked}: {said:#?}");
        assert!(answers.iter().all(|all| all.as_array().unwrap().contains(&data.into())), "{asked}: {answers:?}");
    }
    assert_eq!(cluster.jobs(), [""; 0]);
}

/// Bundles are kept where `SVC_TRACE_SAVE` says, for scenarios to be made of.
fn keep(bundle: &Path, fault: &Fault) {
    if let Some(folder) = std::env::var_os("SVC_TRACE_SAVE").map(PathBuf::from) {
        let to = folder.join(fault.name.replace(' ', "-"));
        assert!(Command::new("cp").arg("-r").arg(bundle).arg(to).status().unwrap().success());
    }
}

#[test]
fn each_fault_has_its_verdict() {
    const NAME: &str = "each_fault_has_its_verdict";
    let Some(cluster) = Cluster::find(NAME) else { return };
    let Some(folder) = cluster.scripts(NAME) else { return };
    if !agent(NAME) {
        return;
    }
    let only = std::env::var("SVC_TRACE_FAULT").unwrap_or_default();
    let mut failed = Vec::new();
    let bundles = tempfile::tempdir().unwrap();
    let mut taken = 0;
    for fault in FAULTS.iter().filter(|fault| fault.name.contains(&only)) {
        let outside = if fault.code == "dns-external-only" { "fresh.example.test" } else { OUTSIDE };
        let asked = [fault.asked, &["--external", outside]].concat();
        let right = |said: &Said| {
            let (code, sentence) = verdict(said);
            code == fault.code && sentence.contains(fault.words)
        };
        let said = {
            let _broken = Broken::by(&folder, fault);
            let look = || {
                taken += 1;
                let bundle = bundles.path().join(format!("{taken}"));
                let said = dns(&cluster, &[&asked[..], &["--save", bundle.to_str().unwrap()]].concat());
                (said, bundle)
            };
            let (said, bundle) = await_that(Duration::from_secs(25), look, |(said, _)| right(said));
            // what was kept says the same again
            let replayed = dns(&cluster, &["--external", outside, "--bundle", bundle.to_str().unwrap()]);
            if replayed.json["dns"] != said.json["dns"] {
                failed.push(format!("{}: the bundle says otherwise", fault.name));
            }
            keep(&bundle, fault);
            said
        };
        let (code, sentence) = verdict(&said);
        let found = said.codes("findings").join(", ");
        let _ = writeln!(std::io::stderr(), "{}: {code}: {sentence} [{found}] in {:?}", fault.name, said.took);
        let warned = fault.code == "dns-slow" || fault.code == "dns-wildcard";
        if !right(&said) || (said.exit != Some(1) && !warned) {
            failed.push(format!("{}: {} expected, exit {:?}, {code}: {sentence}", fault.name, fault.code, said.exit));
        }
    }
    let healed = await_that(
        Duration::from_secs(40),
        || dns(&cluster, &["--all-nodes", "--external", OUTSIDE]),
        |said| said.exit == Some(0),
    );
    assert!(failed.is_empty(), "{failed:#?}");
    assert_eq!(healed.exit, Some(0), "{healed:#?}");
    assert_eq!(cluster.jobs(), [""; 0]);
}

/// NodeLocal DNSCache as its manifest has it (the device is a dummy there, which not every kernel has), on node a: a cache that binds an address of its own and the DNS Service's,
/// and knows a name that nobody else knows.
const CACHE: &str = r"
apiVersion: v1
kind: ConfigMap
metadata: {name: node-local-dns, namespace: kube-system}
data:
  Corefile: |
    .:53 {
        errors
        bind 169.254.20.10 10.96.0.10
        hosts {
            192.0.2.99 only-in-the-cache.test
            fallthrough
        }
        forward . UPSTREAM
    }
  # the same for a CoreDNS without the plugin bind, which listens everywhere
  unbound: |
    .:53 {
        errors
        hosts {
            192.0.2.99 only-in-the-cache.test
            fallthrough
        }
        forward . UPSTREAM
    }
---
apiVersion: v1
kind: Pod
metadata: {name: node-local-dns-a, namespace: kube-system, labels: {k8s-app: node-local-dns}}
spec:
  nodeName: a
  hostNetwork: true
  dnsPolicy: Default
  terminationGracePeriodSeconds: 0
  containers:
  - name: node-cache
    image: kubelab:dev
    imagePullPolicy: IfNotPresent
    args: [coredns, --conf, /etc/coredns/unbound]
    volumeMounts: [{name: config, mountPath: /etc/coredns}]
  volumes:
  - {name: config, configMap: {name: node-local-dns}}
";

const CACHE_ON: &str = r#"
in_node a ip link add nodelocaldns type bridge
in_node a ip link set nodelocaldns up
in_node a ip addr add 169.254.20.10/32 dev nodelocaldns
in_node a ip addr add 10.96.0.10/32 dev nodelocaldns
for ip in 169.254.20.10 10.96.0.10; do for p in udp tcp; do
  in_node a iptables -t raw -A PREROUTING -d $ip -p $p --dport 53 -j NOTRACK
  in_node a iptables -t raw -A OUTPUT -s $ip -p $p --sport 53 -j NOTRACK
  in_node a iptables -t raw -A OUTPUT -d $ip -p $p --dport 53 -j NOTRACK
done; done
kubectl -n kube-system expose service kube-dns --name=kube-dns-upstream >/dev/null
upstream=$(kubectl -n kube-system get service kube-dns-upstream -o 'jsonpath={.spec.clusterIP}')
sed "s/UPSTREAM/$upstream/" <<<"$CACHE" | kubectl apply -f - >/dev/null
kubectl -n kube-system wait pod/node-local-dns-a --for=condition=Ready --timeout=30s >/dev/null
"#;

const CACHE_OFF: &str = r"
kubectl -n kube-system delete pod/node-local-dns-a service/kube-dns-upstream configmap/node-local-dns --grace-period=0 --force --ignore-not-found >/dev/null 2>&1
in_node a iptables -t raw -F PREROUTING
in_node a iptables -t raw -F OUTPUT
in_node a ip link delete nodelocaldns
";

/// The cells of a place by the server's words: how each did.
fn states(place: &serde_json::Value, kind: &str) -> std::collections::BTreeMap<String, Vec<String>> {
    let mut states: std::collections::BTreeMap<String, Vec<String>> = std::collections::BTreeMap::new();
    for cell in place["cells"].as_array().unwrap().iter().filter(|cell| cell["kind"] == kind) {
        let is = &cell["server_is"];
        let server = is.as_object().map_or_else(|| is.to_string(), |is| is.keys().next().unwrap().clone());
        let cached = if is["service"]["cached"] == true { " cached" } else { "" };
        states.entry(format!("{server}{cached}")).or_default().push(cell["state"].as_str().unwrap().to_owned());
    }
    states
}

#[test]
fn a_cache_on_a_node_is_found_and_what_it_answers_told_from_the_service() {
    const NAME: &str = "a_cache_on_a_node_is_found_and_what_it_answers_told_from_the_service";
    let Some(cluster) = Cluster::find(NAME) else { return };
    let Some(folder) = cluster.scripts(NAME) else { return };
    if !agent(NAME) {
        return;
    }
    let on = format!("CACHE=$(cat <<'YAML'\n{CACHE}\nYAML\n)\n{CACHE_ON}");
    let cache = Fault { name: NAME, on: on.leak(), off: CACHE_OFF, asked: ALL_NODES, code: "", words: "" };
    let _cache = Broken::by(&folder, &cache);
    let asked = ["only-in-the-cache.test.", "--all-nodes", "--external", OUTSIDE];
    let look = || dns(&cluster, &asked);
    // all is well, but for a name that one server knows and others do not
    let is_it = |said: &Said| {
        let (code, sentence) = verdict(said);
        code == "dns-external-only" && sentence.contains("from some servers and an answer from others")
    };
    let said = await_that(Duration::from_secs(20), look, is_it);
    assert!(is_it(&said), "{:?}", verdict(&said));
    let places = said.json["dns"]["places"].as_array().unwrap();
    let of_node = |node: &str| places.iter().find(|place| place["node"] == node).unwrap();
    // on a the Service's address and its own are the cache; b has none
    let full = states(of_node("a"), "full");
    assert_eq!(full.keys().collect::<Vec<_>>(), ["node-local", "pod", "service cached", "upstream"]);
    assert!(full.values().flatten().all(|state| state == "good"), "{full:?}");
    assert_eq!(states(of_node("b"), "full").keys().collect::<Vec<_>>(), ["pod", "service", "upstream"]);
    // the name that only the cache knows proves who answers
    for (node, expected) in [("a", vec!["node-local", "service cached"]), ("b", vec![])] {
        let knows = states(of_node(node), "asked").into_iter().filter(|(_, all)| all.contains(&"good".to_owned()));
        assert_eq!(knows.map(|(server, _)| server).collect::<Vec<_>>(), expected, "{said:#?}");
    }
    let stopped = Fault {
        name: NAME,
        on: r#"in_node a kill -STOP "$(dns_pid a pod/node-local-dns-a)""#,
        off: r#"in_node a kill -CONT "$(dns_pid a pod/node-local-dns-a)""#,
        ..cache
    };
    let said = {
        let _stopped = Broken::by(&folder, &stopped);
        dns(&cluster, &["--all-nodes", "--external", OUTSIDE])
    };
    let (code, sentence) = verdict(&said);
    assert_eq!((said.exit, code.as_str()), (Some(1), "dns-service-ip-only"), "{sentence}");
    assert!(sentence.contains("the DNS cache on node a at 10.96.0.10 and 169.254.20.10 fails"), "{sentence}");
}
