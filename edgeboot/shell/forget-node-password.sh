# Lets hosts join under names that the cluster knows from other hosts: forgets their passwords.
#
# forget-node-password.sh NODE...
# uses: journal
set -eu
trap 'journal_end "forget-node-password $*"' EXIT
for node in "$@"; do
    /usr/local/bin/k3s kubectl -n kube-system delete secret "$node.node-password.k3s" \
        --ignore-not-found --request-timeout 20s
done
