//! By what names, labels and images the parts of a cluster's DNS are known. Names only; reads nothing.

use k8s_openapi::api::core::v1::Pod;

/// Label and value that kubeadm, k3s, kubespray, EKS, GKE and AKS give the DNS Service and its pods.
pub const LABEL: (&str, &str) = ("k8s-app", "kube-dns");
/// ConfigMaps that hold the Corefile of CoreDNS: kubeadm and most others, RKE2, OpenShift.
pub const CONFIG_MAPS: [(&str, &str); 3] =
    [("kube-system", "coredns"), ("kube-system", "rke2-coredns-rke2-coredns"), ("openshift-dns", "dns-default")];
/// ConfigMaps that hold the Corefile of caches on the nodes: the manifest of kubernetes/dns, kubespray, RKE2.
pub const CACHE_CONFIG_MAPS: [(&str, &str); 3] = [
    ("kube-system", "node-local-dns"),
    ("kube-system", "nodelocaldns"),
    ("kube-system", "rke2-coredns-node-local-dns"),
];
/// ConfigMap with the kubelet's configuration as kubeadm keeps it.
pub const KUBELET_CONFIG_MAP: (&str, &str) = ("kube-system", "kubelet-config");
/// Words in the images of DNS servers.
const IMAGES: [&str; 3] = ["coredns", "kube-dns", "k8s-dns-kube-dns"];
/// Words in the images of caches on the nodes.
const CACHE_IMAGES: [&str; 2] = ["k8s-dns-node-cache", "node-cache"];

/// Whether a pod runs a DNS server of the cluster, by its label or image; a cache on the node is none.
#[must_use]
pub fn is_server(pod: &Pod) -> bool {
    let label = pod.metadata.labels.as_ref().and_then(|labels| labels.get(LABEL.0)).map(String::as_str);
    !is_cache(pod) && (label == Some(LABEL.1) || has_image(pod, &IMAGES))
}

/// Whether a pod runs a cache on its node (NodeLocal DNSCache).
#[must_use]
pub fn is_cache(pod: &Pod) -> bool {
    let label = pod.metadata.labels.as_ref().and_then(|labels| labels.get(LABEL.0)).map(String::as_str);
    matches!(label, Some("node-local-dns" | "nodelocaldns")) || has_image(pod, &CACHE_IMAGES)
}

fn has_image(pod: &Pod, words: &[&str]) -> bool {
    let containers = pod.spec.as_ref().map(|spec| spec.containers.as_slice()).unwrap_or_default();
    containers.iter().filter_map(|container| container.image.as_deref()).any(|image| {
        let name = image.rsplit('/').next().unwrap_or(image);
        let name = name.split(['@', ':']).next().unwrap_or(name);
        words.contains(&name)
    })
}
