# Takes labels and taints off a node, and puts taints on it, on a server of its cluster.
#
# mark-node.sh NODE WORD...
#   WORD  unlabel:KEY, untaint:KEY:EFFECT or taint:KEY=VALUE:EFFECT
#
# What is off already, or a node that is not registered, is no error.
# uses: journal
set -eu
trap 'journal_end "mark-node $*"' EXIT
node=$1
shift
export KUBECACHEDIR=/run/k3s/edgeboot-kubectl # kubectl would leave its cache in /root

kubectl() { timeout 60 /usr/local/bin/k3s kubectl "$@" --request-timeout=45s; }

[ -n "$(kubectl get node "$node" -o name --ignore-not-found)" ] || exit 0
for word in "$@"; do
    value=${word#*:}
    case $word in
    unlabel:*) kubectl label node "$node" "$value-" ;;
    taint:*) kubectl taint node "$node" "$value" --overwrite ;;
    untaint:*)
        said=$(kubectl taint node "$node" "$value-" 2>&1) || case $said in
        *'not found'*) ;;
        *)
            echo "$said" >&2
            exit 1 ;;
        esac ;;
    esac
done
