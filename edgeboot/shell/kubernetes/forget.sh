# Takes nodes out of the cluster, on a server of it; K3s forgets their passwords with them.
#
# forget.sh NODE...
# uses: journal api
set -eu
trap 'journal_end "forget $*"' EXIT
kubectl delete node "$@" --ignore-not-found
