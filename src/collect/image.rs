//! Which image a debug pod takes. The kube-proxy pod's own is on the node already, and its tools are usually those
//! that wrote the rules.

use k8s_openapi::api::core::v1::{Node, Pod};

use super::companions;
use super::config::{FALLBACK_IMAGE, PodOptions};
use super::manifest::Privilege;
use super::snapshot::Objects;
use crate::order;

/// An image and why it was taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choice {
    /// Reference.
    pub image: String,
    /// In words: `as kube-proxy-x runs it`.
    pub why: String,
}

/// The image for `node`: that of its kube-proxy pod; else, where kube-proxy has stopped, one of kube-proxy that is
/// still there; else that of another node's.
#[must_use]
pub fn choose(options: &PodOptions, privilege: Privilege, objects: &Objects, node: &str) -> Choice {
    if let Some(image) = options.image.as_deref().filter(|image| *image != "auto") {
        return Choice { image: image.to_owned(), why: "--image".into() };
    }
    if privilege == Privilege::Sysadmin {
        // kube-proxy's image has no nsenter
        return Choice { image: FALLBACK_IMAGE.into(), why: "it has nsenter; --image takes another".into() };
    }
    if let Some((image, pod)) = companions::kube_proxy(objects, node).and_then(of_proxy) {
        return Choice { image, why: format!("as pod {pod} runs it") };
    }
    if let Some(image) = objects.nodes().iter().find(|one| one.metadata.name.as_deref() == Some(node)).and_then(on_node)
    {
        return Choice { image, why: "kube-proxy's, which the node has".into() };
    }
    let mut others = objects
        .proxies
        .iter()
        .flatten()
        .filter(|pod| pod.metadata.name.as_deref().is_some_and(|name| name.contains("kube-proxy")));
    match others.find_map(of_proxy) {
        Some((image, pod)) => Choice { image, why: format!("as pod {pod} of another node runs it") },
        None => Choice { image: FALLBACK_IMAGE.into(), why: "no kube-proxy pod there; --image takes another".into() },
    }
}

/// A kube-proxy image among those that the kubelet lists (`status.images`, the largest ones first), rather the one of
/// the kubelet's own version.
fn on_node(node: &Node) -> Option<String> {
    let status = node.status.as_ref()?;
    let version = status.node_info.as_ref().map(|info| info.kubelet_version.as_str()).unwrap_or_default();
    let is_proxy = |name: &str| {
        let path = name.split('@').next().unwrap_or(name);
        path.rsplit('/').next().is_some_and(|last| last.starts_with("kube-proxy"))
    };
    let mut names: Vec<&String> = status
        .images
        .iter()
        .flatten()
        .flat_map(|image| image.names.iter().flatten())
        .filter(|name| is_proxy(name))
        .collect();
    order::sort_by_key(&mut names, |name| {
        (version.is_empty() || !name.ends_with(&format!(":{version}")), name.contains('@'))
    });
    names.first().map(|name| (*name).clone())
}

/// The image that a kube-proxy pod runs, and the pod's name.
fn of_proxy(pod: &Pod) -> Option<(String, String)> {
    let spec = pod.spec.as_ref()?;
    let container = spec
        .containers
        .iter()
        .find(|container| container.name.contains("kube-proxy"))
        .or_else(|| spec.containers.first())?;
    let id = pod
        .status
        .as_ref()
        .and_then(|status| status.container_statuses.as_ref())
        .and_then(|all| all.iter().find(|status| status.name == container.name))
        .and_then(|status| pullable(&status.image_id));
    let image = id.or_else(|| container.image.clone())?;
    Some((image, pod.metadata.name.clone().unwrap_or_default()))
}

/// An imageID that names a repository and a digest. containerd gives a bare `sha256:…` for an image that was
/// imported and never pulled, docker puts `docker-pullable://` before it (kubelet pkg/kubelet/images, CRI `ImageRef`).
fn pullable(id: &str) -> Option<String> {
    let id = id.strip_prefix("docker-pullable://").unwrap_or(id);
    let (name, digest) = id.split_once('@')?;
    let hex = digest.strip_prefix("sha256:")?;
    let good =
        !name.is_empty() && !name.contains("://") && hex.len() == 64 && hex.bytes().all(|b| b.is_ascii_hexdigit());
    good.then(|| id.to_owned())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "tests")]
mod tests {
    use super::*;
    use serde_json::json;

    const DIGEST: &str = "sha256:ba8cd3384bdeb6d79d6110568a31f56e8ab5aee337dcb8ff5d1dd65b2e8bed67";

    fn proxy(id: &str) -> Pod {
        serde_json::from_value(json!({
            "metadata": {"name": "kube-proxy-x"},
            "spec": {"nodeName": "a", "containers": [{"name": "sidecar", "image": "s:1"}, {"name": "kube-proxy", "image": "registry.example/kube-proxy:v1.34.4"}]},
            "status": {"containerStatuses": [{"name": "kube-proxy", "image": "i", "imageID": id, "ready": true, "restartCount": 0}]},
        }))
        .unwrap()
    }

    fn objects(proxy: Option<Pod>, images: &[&str]) -> Objects {
        let node = json!({"metadata": {"name": "a"}, "status": {
            "images": images.iter().map(|name| json!({"names": [name]})).collect::<Vec<_>>(),
            "nodeInfo": {"kubeletVersion": "v1.34.4", "architecture": "", "bootID": "", "containerRuntimeVersion": "", "kernelVersion": "",
                "kubeProxyVersion": "", "machineID": "", "operatingSystem": "", "osImage": "", "systemUUID": ""},
        }});
        Objects {
            proxies: proxy.map(|pod| vec![pod]),
            nodes: Some(vec![serde_json::from_value(node).unwrap()]),
            ..Objects::default()
        }
    }

    #[track_caller]
    fn case(id: &str, expected: &str) {
        let choice = choose(&PodOptions::default(), Privilege::Netadmin, &objects(Some(proxy(id)), &[]), "a");
        assert_eq!(choice.image, expected, "{id}");
    }

    #[test]
    fn the_image_that_kube_proxy_runs() {
        let by_digest = format!("registry.example/kube-proxy@{DIGEST}");
        case(&by_digest, &by_digest);
        case(&format!("docker-pullable://{by_digest}"), &by_digest);
        // not pullable by that name: the tag, which is on the node
        case(DIGEST, "registry.example/kube-proxy:v1.34.4");
        case(&format!("docker://{DIGEST}"), "registry.example/kube-proxy:v1.34.4");
        case("", "registry.example/kube-proxy:v1.34.4");
        case("x@sha256:12", "registry.example/kube-proxy:v1.34.4");
    }

    #[test]
    fn where_kube_proxy_has_stopped_its_image_is_still_there() {
        let images = ["r.example/kube-proxy-tools/x:1", "r.example/kube-proxy:v1.33.1", "r.example/kube-proxy:v1.34.4"];
        let chosen = choose(&PodOptions::default(), Privilege::Netadmin, &objects(None, &images), "a");
        assert_eq!(chosen.image, "r.example/kube-proxy:v1.34.4");
        let elsewhere = choose(&PodOptions::default(), Privilege::Netadmin, &objects(Some(proxy("")), &[]), "b");
        assert_eq!(elsewhere.image, "registry.example/kube-proxy:v1.34.4");
    }

    #[test]
    fn without_kube_proxy_or_with_a_named_one() {
        let with = objects(Some(proxy(DIGEST)), &[]);
        assert_eq!(choose(&PodOptions::default(), Privilege::Netadmin, &objects(None, &[]), "a").image, FALLBACK_IMAGE);
        assert_eq!(choose(&PodOptions::default(), Privilege::Sysadmin, &with, "a").image, FALLBACK_IMAGE);
        let named = PodOptions { image: Some("tools:1".into()), ..PodOptions::default() };
        assert_eq!(choose(&named, Privilege::Sysadmin, &with, "a").image, "tools:1");
        let auto = PodOptions { image: Some("auto".into()), ..PodOptions::default() };
        assert_eq!(choose(&auto, Privilege::Netadmin, &with, "a").image, "registry.example/kube-proxy:v1.34.4");
    }
}
