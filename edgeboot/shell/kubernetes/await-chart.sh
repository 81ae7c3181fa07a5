# Waits until K3s has installed a chart as its manifest says; fails with the end of the job's log.
#
# await-chart.sh NAME MANIFEST SECONDS
# uses: journal
set -eu
trap 'journal_end "wait for chart $1"' EXIT
export KUBECACHEDIR=/run/k3s/edgeboot-kubectl # kubectl would leave its cache in /root
name=$1 manifest=$2 until=$(($(date +%s) + $3))
namespace=kube-system
grace=60 # seconds after which a job that was not made anew counts: its chart had not changed

kubectl() { timeout 60 /usr/local/bin/k3s kubectl --request-timeout=30s -n "$namespace" "$@"; }

addon=${manifest##*/}
addon=${addon%%.*}
sum=$(sha256sum <"$manifest")
sum=${sum%% *}
written=$(date -u -r "$manifest" +%Y-%m-%dT%H:%M:%SZ)
applied=
state='K3s has not read its manifest yet'

later() { # TIME TIME: whether the first is not before the second; their texts sort as they do
    [ "$(printf '%s\n%s\n' "$1" "$2" | sort | head -n 1)" = "$2" ]
}

look() { # sets state; 0 when the chart is installed
    found=$(kubectl get addon "$addon" --ignore-not-found -o 'jsonpath={.spec.checksum}' 2>&1) || return 1
    [ "$found" = "$sum" ] || return 1
    [ -n "$applied" ] || applied=$(date +%s)
    state='it has no job yet'
    job=$(kubectl get job "helm-install-$name" --ignore-not-found \
        -o 'jsonpath={.metadata.creationTimestamp} {.status.succeeded} {.status.failed}' 2>&1) || return 1
    [ -n "$job" ] || return 1
    made=${job%% *} counts=${job#* }
    if ! later "$made" "$written" && [ "$(($(date +%s) - applied))" -lt "$grace" ]; then
        state='its job is not made anew yet'
        return 1
    fi
    succeeded=${counts%% *} failed=${counts#* }
    state="its job helm-install-$name is running, failed ${failed:-0} times"
    [ "${succeeded:-0}" -gt 0 ]
}

while ! look; do
    if [ "$(date +%s)" -ge "$until" ]; then
        {
            echo "chart $name is not installed after $3 s: $state"
            kubectl logs "job/helm-install-$name" --tail=15 || :
        } >&2 2>&1
        exit 1
    fi
    sleep 2
done
