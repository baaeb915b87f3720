#!/bin/sh
# Prints the virtual servers and ipsets of one recorded node in the forms that people paste. Root, in a kernel with IPVS:
# ../shared/vm/run -o . tests/listings/record-ipvs.sh tests/captures/every-form-ipvs/nodes/node-a/ip*save.txt
set -eu
ipset restore <ipset-save.txt
ip link add kube-ipvs0 type dummy
ipvsadm -R <ipvsadm-save.txt
out=${OUT:-.}/every-form-ipvs
ipvsadm -L >"$out.ipvsadm-L.txt"
ipvsadm -Ln >"$out.ipvsadm-Ln.txt"
ipvsadm -Ln --stats >"$out.ipvsadm-Ln-stats.txt"
ipvsadm -Ln --rate >"$out.ipvsadm-Ln-rate.txt"
ipvsadm -S >"$out.ipvsadm-S.txt"
cat /proc/net/ip_vs >"$out.proc-net-ip_vs.txt"
ipset list >"$out.ipset-list.txt"
