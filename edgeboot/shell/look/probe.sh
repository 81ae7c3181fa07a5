# Starts short-lived pods, lets them ask each other, prints how they ended, and removes them again.
# Everything is in one namespace of its own, which goes even when the connection breaks; what a run
# that was killed left behind is removed by the next one.
#
# probe.sh NAMESPACE SECONDS
#   NAMESPACE  edgeboot-probe-EPOCH; older ones are remains
#   SECONDS    how long each of the two groups of pods may take
#
# Standard input: the objects of the first group as JSON documents, a line "---8<---", those of the
# second. @PEERS@ in the second becomes "NODE=ADDRESS …" of the first group's running pods.
#
# == first CODE / == second CODE, each with the pods as JSON; == claims CODE; == events CODE
set -u
export KUBECACHEDIR=/run/k3s/edgeboot-kubectl
namespace=$1 seconds=$2
k3s=/usr/local/bin/k3s
kube() { timeout 60 "$k3s" kubectl --request-timeout=50s "$@"; }

remove() { kube delete namespace "$namespace" --wait=false >/dev/null 2>&1; }

for old in $(kube get namespaces -l app.kubernetes.io/managed-by=edgeboot-probe -o name); do
    began=${old##*-}
    case $began in *[!0-9]*) continue ;; esac
    if [ "$(($(date +%s) - began))" -gt 900 ]; then
        kube delete "$old" --wait=false >/dev/null 2>&1
    fi
done

first='' second='' part=first
while IFS= read -r line; do
    case $line in
    '---8<---') part=second ;;
    *) if [ "$part" = first ]; then first="$first$line
"; else second="$second$line
"; fi ;;
    esac
done

trap remove EXIT
trap 'exit 1' HUP INT TERM PIPE

pods() { kube get pods -n "$namespace" -l "edgeboot-probe=$1" -o json; }

# A group is done when every pod has ended, or runs and was only to run.
wait_for() { # GROUP PHASES
    waited=0
    while :; do
        listed=$(pods "$1") || listed=
        # The phase of a pod stands on a line of its own, as kubectl indents JSON.
        if [ -n "$listed" ] && ! printf '%s\n' "$listed" | grep '"phase": ' | grep -qvE "\"($2)\""; then
            [ "$(printf '%s\n' "$listed" | grep -c '"phase": ')" -lt "$3" ] || return 0
        fi
        [ "$waited" -lt "$seconds" ] || return 1
        sleep 1
        waited=$((waited + 1))
    done
}

show() { # GROUP PHASES
    count=$(printf '%s' "$applied" | grep -c '^pod/')
    wait_for "$1" "$2" "$count"
    code=$?
    printf '== %s %s\n%s\n' "$1" "$code" "$listed"
}

if ! applied=$(printf '%s' "$first" | kube apply -f - 2>&1); then
    printf '== refused 1\n%s\n' "$applied"
    exit 0
fi
show first 'Running|Succeeded|Failed|Unknown'
# NODE=ADDRESS of every pod that runs: the lines of nodeName and podIP, in this order or the other.
peers=$(kube get pods -n "$namespace" -l edgeboot-probe=first -o wide --no-headers 2>/dev/null |
    while read -r _ _ state _ _ address node _; do
        [ "$state" = Running ] && printf '%s=%s ' "$node" "$address"
    done)
if ! applied=$(printf '%s' "$second" | sed "s/@PEERS@/$peers/g" | kube apply -f - 2>&1); then
    printf '== refused 1\n%s\n' "$applied"
    exit 0
fi
show second 'Succeeded|Failed|Unknown'
printf '== claims 0\n%s\n' "$(kube get persistentvolumeclaims -n "$namespace" -o json 2>&1)"
printf '== events 0\n%s\n' "$(kube get events -n "$namespace" -o json 2>&1)"
remove
gone=$?
trap - EXIT
printf '== removed %s\n\n== end 0\n' "$gone"
