//! Chooses Services out of a dump: the last of the file, a node port, and others by a seed.

use std::ffi::OsString;

use anyhow::{Context, Result};

/// A Service as the rules have it.
#[derive(Clone)]
pub struct Service {
    /// `namespace/name:port`, as comments have it.
    pub name: String,
    /// `10.96.0.1:80`; of a node port only the port counts.
    to: String,
    /// Whether it is asked for by its node port.
    pub node_port: bool,
}

impl Service {
    /// The rest of the command line of `packet`.
    pub fn packet(&self, from: &str, node: &str) -> [OsString; 4] {
        let to = match self.to.rsplit_once(':') {
            Some((_, port)) if self.node_port => format!("{node}:{port}"),
            _ => self.to.clone(),
        };
        ["--from".into(), from.into(), "--to".into(), to.into()]
    }
}

/// `count` Services of a dump.
pub fn sample(dump: &str, count: usize) -> Result<Vec<Service>> {
    let cluster: Vec<Service> =
        dump.lines().filter(|line| line.contains("-A KUBE-SERVICES ")).filter_map(rule).collect();
    let last = cluster.last().context("no Service in the dump")?.clone();
    let port = dump.lines().filter(|line| line.contains("-A KUBE-NODEPORTS ")).filter_map(rule).next_back();
    let mut chosen: Vec<Service> = port.into_iter().chain([last]).collect();
    // a linear congruential generator (Knuth, MMIX): the same Services on every machine
    let mut seed: u64 = 4;
    while chosen.len() < count {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let index = usize::try_from(seed >> 33)? % cluster.len();
        chosen.extend(cluster.get(index).cloned());
    }
    chosen.reverse();
    Ok(chosen)
}

/// `-A KUBE-SERVICES -d 10.96.9.182/32 -p tcp -m comment --comment "ns/name:http cluster IP" … --dport 80 -j KUBE-SVC-…`
fn rule(line: &str) -> Option<Service> {
    let word = |key: &str| line.split_once(key).and_then(|(_, rest)| rest.split(' ').next());
    let comment = line.split_once("--comment \"")?.1.split('"').next()?;
    let port = word("--dport ")?;
    if line.contains("-A KUBE-NODEPORTS ") {
        let usable = !line.contains("127.0.0.0/8");
        return usable.then(|| Service { name: comment.to_owned(), to: format!(":{port}"), node_port: true });
    }
    let name = comment.strip_suffix(" cluster IP").filter(|_| line.contains("-j KUBE-SVC-"))?;
    let address = word("-d ")?.trim_end_matches("/32");
    Some(Service { name: name.to_owned(), to: format!("{address}:{port}"), node_port: false })
}
