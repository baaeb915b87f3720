//! What Kubernetes intends: Services, endpoints, and what kube-proxy should make of them on each node.
//! Knows nothing of what a node holds.
