# Takes labels and taints off a node, and puts taints on it, on a server of its cluster.
#
# mark-node.sh NODE WORD...
#   WORD  unlabel:KEY, untaint:KEY:EFFECT or taint:KEY=VALUE:EFFECT
#
# What is off already, or a node that is not registered, is no error.
# uses: journal api
set -eu
trap 'journal_end "mark-node $*"' EXIT
node=$1
shift
there=$(kubectl get node "$node" -o name --ignore-not-found)
[ -n "$there" ] || exit 0
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
