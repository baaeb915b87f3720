#!/bin/sh
# Prints the rules of every recorded node as `iptables -L` lists them, with -nvL and with -nL --line-numbers.
# Root; iptables of both backends, ipset, nfacct. Writes beside itself: CAPTURE.nvL.txt (nft), CAPTURE.nL.txt (legacy).
set -eu
[ "${1-}" = one ] || cd "$(dirname "$0")"

list() { # backend, options, family
    for table in mangle nat filter; do
        echo "# $3 -t $table $2"
        "$3-$1" -t "$table" $2
        echo
    done
}

pieces() { # name: what people ask for one by one
    for table in nat filter mangle; do
        echo "# iptables -t $table -S"
        iptables-nft -t "$table" -S
    done >"$1.S.txt"
    { echo "# iptables -nL"; iptables-nft -nL; } >"$1.filter-nL.txt"
    {
        for chain in KUBE-SERVICES KUBE-NODEPORTS; do
            echo "\$ iptables -t nat -L $chain"
            iptables-nft -t nat -L "$chain"
        done
        for chain in $(iptables-nft -t nat -S | sed -n 's/^-N \(KUBE-S[VE][CP]-.*\)/\1/p' | head -3); do
            echo "\$ iptables -t nat -nvL $chain"
            iptables-nft -t nat -nvL "$chain"
        done
    } >"$1.chains.txt"
}

one() { # folder of the node, name
    [ -s "$1/ipset-save.txt" ] && ipset restore <"$1/ipset-save.txt"
    sed -n 's/.*--nfacct-name  *\([^ ]*\).*/\1/p' "$1"/ip*tables-save.txt | sort -u | while read -r name; do nfacct add "$name"; done
    for family in iptables ip6tables; do
        [ -s "$1/$family-save.txt" ] || continue
        "$family-nft-restore" <"$1/$family-save.txt"
        list nft -nvL "$family" >>"$2.nvL.txt"
        [ "$2 $family" = "every-form iptables" ] && pieces "$2"
        nft flush ruleset
        "$family-legacy-restore" <"$1/$family-save.txt"
        list legacy "-nL --line-numbers" "$family" >>"$2.nL.txt"
    done
}

if [ "${1-}" = one ]; then
    one "$2" "$3"
else
    rm -f ./*.nL.txt ./*.nvL.txt
    for node in ../captures/*/nodes/node-a; do
        [ -s "$node/iptables-save.txt" ] || continue
        grep -q -e '-m ipvs' "$node/iptables-save.txt" && continue # needs a kernel with IPVS
        name=${node#../captures/}
        unshare --net -- sh ./record.sh one "$node" "${name%%/*}"
    done
fi
