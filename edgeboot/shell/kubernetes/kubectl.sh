# The API of a server by the kubectl in K3s, where its SSH server forwards nothing. Each call starts
# a program of 222 MB: one at a time, and none before K3s says that it runs.
#
# kubectl.sh get PATH
# kubectl.sh list TYPE,...                     as one JSON list
# kubectl.sh apply                             objects on standard input
# kubectl.sh patch TYPE NAME NAMESPACE         the change on standard input; "-" for no namespace
# kubectl.sh delete TYPE NAME NAMESPACE        waits for nothing
set -u
export KUBECACHEDIR=/run/k3s/edgeboot-kubectl # kubectl would leave its cache in /root

kubectl() { exec timeout 50 /usr/local/bin/k3s kubectl "$@" --request-timeout=40s; }

verb=$1
shift
namespace=
if [ "${3:--}" != - ]; then namespace="--namespace=$3"; fi
# shellcheck disable=SC2086  # a word or none
case $verb in
get) kubectl get --raw "$1" ;;
list) kubectl get "$1" --all-namespaces --output=json ;;
apply) kubectl apply --server-side --force-conflicts --field-manager=edgeboot --filename=- ;;
patch) kubectl patch "$1" "$2" $namespace --type=merge --patch-file=/dev/stdin ;;
delete) kubectl delete "$1" "$2" $namespace --wait=false ;;
esac
