# Lets hosts join under names that the cluster knows from other hosts: forgets their passwords.
#
# forget-node-password.sh NODE...
# uses: journal api
set -eu
trap 'journal_end "forget-node-password $*"' EXIT
for node in "$@"; do
    kubectl -n kube-system delete secret "$node.node-password.k3s" --ignore-not-found
done
