# Prints how K3s does on a host. Each section begins with a line "== NAME EXIT-CODE".
#
# status.sh ROLE SERVICE [MORE]
#   ROLE     server (API, nodes, jobs, token and kubeconfig too) or agent
#   SERVICE  the service
#   MORE     "more": clock, version of the binary, and the log of a running service as well
# uses: init sections
set -u
export KUBECACHEDIR=/run/k3s/edgeboot-kubectl # kubectl would leave its cache in /root
role=$1 service=$2 more=${3:-}
k3s=/usr/local/bin/k3s

# A service that is restarted over and over has just begun anew when it is looked at: what it
# complained of before says more than its last lines.
last_words() {
    since=$(stat -c %Y "/var/lib/edgeboot/started-$service" 2>/dev/null)
    said=$(service_log "$service" 300 "${since:-0}")
    printf '%s\n' "$said" | grep -E 'level=(error|fatal)|^Error|^panic|standard_init|critical configuration' | tail -n 6
    printf '%s\n' "$said" | tail -n 3
}

# How many lines of the last section's output there are of a kind.
# shellcheck disable=SC2154  # set by sections.sh
count() { printf '%s\n' "$output" | grep -c "$1"; }

chart_log() { # of the first job that has not succeeded: its pod is started over and over
    columns=F:.status.succeeded,S:.metadata.namespace,N:.metadata.name
    timeout 30 "$k3s" kubectl get jobs.batch -A -l helmcharts.helm.cattle.io/chart --no-headers \
        -o "custom-columns=$columns" --request-timeout=20s | grep -v '^[1-9]' | head -n 1 |
        while read -r _ namespace name; do
            timeout 30 "$k3s" kubectl logs "job/$name" -n "$namespace" --tail=8 --request-timeout=20s
        done
}

unit() { printf 'ActiveState=%s\nNRestarts=%s\n' "$active" "$(service_restarts "$service")"; }

active=$(service_active "$service")
section unit unit
if [ -S /run/k3s/containerd/containerd.sock ]; then
    section images timeout 30 "$k3s" ctr -n k8s.io images ls
fi
if [ "$more" = more ]; then
    section clock date +%s
    section version timeout 20 "$k3s" --version
fi
if [ "$active" != active ] || [ "$more" = more ]; then section journal last_words; fi
[ "$role" = server ] || exit 0
section ready timeout 30 "$k3s" kubectl get --raw /readyz --request-timeout=10s
if [ -r /etc/rancher/k3s/k3s.yaml ]; then
    section nodes timeout 30 "$k3s" kubectl get nodes -o json --request-timeout=20s
    section charts timeout 30 "$k3s" kubectl get helmcharts.helm.cattle.io,jobs.batch -A -o json --request-timeout=20s
    if [ "$(count '"kind": "Job"')" -gt "$(count '"succeeded": [1-9]')" ]; then
        section chart-log chart_log
    fi
    section token base64 /var/lib/rancher/k3s/server/node-token
    section kubeconfig base64 /etc/rancher/k3s/k3s.yaml
fi
