# Takes nodes out of the cluster, on a server of it; K3s forgets their passwords with them.
#
# forget.sh NODE...
# uses: journal
set -eu
trap 'journal_end "forget $*"' EXIT
export KUBECACHEDIR=/run/k3s/edgeboot-kubectl # kubectl would leave its cache in /root
timeout 90 /usr/local/bin/k3s kubectl delete node "$@" --ignore-not-found --request-timeout=60s
