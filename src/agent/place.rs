//! Where the agent stands: its resolv.conf, its address, and the network namespace of another container.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::path::{Path, PathBuf};

/// The address that a packet to `server` leaves from. Nothing is sent.
pub(super) fn own_address(server: SocketAddr) -> Option<IpAddr> {
    let any: IpAddr = if server.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
    let socket = UdpSocket::bind(SocketAddr::new(any, 0)).ok()?;
    socket.connect(server).ok()?;
    socket.local_addr().ok().map(|own| own.ip())
}

/// resolv.conf below this root.
pub(super) fn resolv_conf(root: &Path) -> Option<String> {
    std::fs::read_to_string(root.join("etc/resolv.conf")).ok()
}

/// Enters the network namespace of the container whose id this is, and gives its root; without an id all stays as it
/// is.
pub(super) fn enter(container: Option<&str>) -> Result<PathBuf, String> {
    match container {
        None => Ok(PathBuf::from("/")),
        Some(id) => inside(id),
    }
}

#[cfg(target_os = "linux")]
fn inside(id: &str) -> Result<PathBuf, String> {
    use std::os::fd::AsFd;

    use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

    let process = process_of(Path::new("/proc"), id).ok_or_else(|| format!("no process of container {id} is seen"))?;
    let said = |error: &dyn std::fmt::Display| format!("the network namespace of container {id}: {error}");
    let namespace = std::fs::File::open(process.join("ns/net")).map_err(|error| said(&error))?;
    move_into_link_name_space(namespace.as_fd(), Some(LinkNameSpaceType::Network)).map_err(|error| said(&error))?;
    Ok(process.join("root"))
}

#[cfg(not(target_os = "linux"))]
fn inside(_: &str) -> Result<PathBuf, String> {
    Err("network namespaces are Linux's".into())
}

/// A process of the container: its cgroup has the id in its name (`0::/kubepods…/cri-containerd-1a2b….scope`).
#[cfg(target_os = "linux")]
fn process_of(proc: &Path, id: &str) -> Option<PathBuf> {
    let entries = std::fs::read_dir(proc).ok()?;
    entries.filter_map(Result::ok).map(|entry| entry.path()).find(|path| {
        let number = path.file_name().and_then(|name| name.to_str()).is_some_and(|name| name.parse::<u32>().is_ok());
        number && std::fs::read_to_string(path.join("cgroup")).is_ok_and(|cgroup| cgroup.contains(id))
    })
}

#[cfg(all(test, target_os = "linux"))]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn a_container_is_found_by_its_cgroup() {
        let proc = tempfile::tempdir().unwrap();
        for (pid, cgroup) in [("1", "0::/"), ("42", "0::/../kubepods/pod1/cri-containerd-1a2b.scope"), ("self", "1a2b")]
        {
            std::fs::create_dir(proc.path().join(pid)).unwrap();
            std::fs::write(proc.path().join(pid).join("cgroup"), cgroup).unwrap();
        }
        assert_eq!(process_of(proc.path(), "1a2b"), Some(proc.path().join("42")));
        assert_eq!(process_of(proc.path(), "ffff"), None);
        assert_eq!(own_address("127.0.0.1:53".parse().unwrap()), Some([127, 0, 0, 1].into()));
    }
}
