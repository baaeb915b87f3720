# An image for debug pods where the nodes' own kube-proxy image is not there or lacks a tool: --image. It holds what
# reads a node and nothing that serves; the pod that runs it says what it may do.
#
#   docker build -t REGISTRY/svc-trace-debug:0.1.0 .
#   kubectl svc-trace web --image REGISTRY/svc-trace-debug:0.1.0
FROM debian:12.11-slim

# iptables: both backends, by name (iptables-nft-save, iptables-legacy-save). No recommended packages, no lists.
RUN apt-get update \
 && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends \
      bpftool conntrack iproute2 ipset iptables ipvsadm nftables procps \
 && rm -rf /var/lib/apt/lists/* /var/cache/debconf/* /usr/share/doc/* /usr/share/man/*

# svc-trace gives its own command; alone, the container ends by itself.
CMD ["sleep", "300"]
