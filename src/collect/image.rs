//! Which image a debug pod takes. The kube-proxy pod's own is on the node already, and its tools are usually those
//! that wrote the rules.

use k8s_openapi::api::core::v1::Pod;

use super::config::{FALLBACK_IMAGE, PodOptions};
use super::manifest::Privilege;

/// An image and why it was taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choice {
    /// Reference.
    pub image: String,
    /// In words: `as kube-proxy-x runs it`.
    pub why: String,
}

/// The image for a node whose kube-proxy pod is `proxy`.
#[must_use]
pub fn choose(options: &PodOptions, privilege: Privilege, proxy: Option<&Pod>) -> Choice {
    if let Some(image) = options.image.as_deref().filter(|image| *image != "auto") {
        return Choice { image: image.to_owned(), why: "--image".into() };
    }
    match (privilege, proxy.and_then(of_proxy)) {
        (Privilege::Netadmin, Some((image, pod))) => Choice { image, why: format!("as pod {pod} runs it") },
        (Privilege::Netadmin, None) => Choice { image: FALLBACK_IMAGE.into(), why: "no kube-proxy pod there; --image takes another".into() },
        // kube-proxy's image has no nsenter
        (Privilege::Sysadmin, _) => Choice { image: FALLBACK_IMAGE.into(), why: "it has nsenter; --image takes another".into() },
    }
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
    let good = !name.is_empty() && !name.contains("://") && hex.len() == 64 && hex.bytes().all(|b| b.is_ascii_hexdigit());
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
            "spec": {"containers": [{"name": "sidecar", "image": "s:1"}, {"name": "kube-proxy", "image": "registry.example/kube-proxy:v1.34.4"}]},
            "status": {"containerStatuses": [{"name": "kube-proxy", "image": "i", "imageID": id, "ready": true, "restartCount": 0}]},
        }))
        .unwrap()
    }

    #[track_caller]
    fn case(id: &str, expected: &str) {
        let choice = choose(&PodOptions::default(), Privilege::Netadmin, Some(&proxy(id)));
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
    fn without_kube_proxy_or_with_a_named_one() {
        assert_eq!(choose(&PodOptions::default(), Privilege::Netadmin, None).image, FALLBACK_IMAGE);
        assert_eq!(choose(&PodOptions::default(), Privilege::Sysadmin, Some(&proxy(DIGEST))).image, FALLBACK_IMAGE);
        let named = PodOptions { image: Some("tools:1".into()), ..PodOptions::default() };
        assert_eq!(choose(&named, Privilege::Sysadmin, Some(&proxy(DIGEST))).image, "tools:1");
        let auto = PodOptions { image: Some("auto".into()), ..PodOptions::default() };
        assert_eq!(choose(&auto, Privilege::Netadmin, Some(&proxy(DIGEST))).image, "registry.example/kube-proxy:v1.34.4");
    }
}
