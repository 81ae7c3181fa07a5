# Prints how K3s does on a host, from what the host itself knows: no program of K3s's own is started,
# and what only the API can say is asked of the API. Each section begins with "== NAME EXIT-CODE".
#
# status.sh ROLE SERVICE [MORE]
#   ROLE     server (token and kubeconfig too) or agent
#   SERVICE  the service
#   MORE     "more": clock, version of the binary, and the log of a running service as well
# uses: init sections
set -u
role=$1 service=$2 more=${3:-}

# A service that is restarted over and over has just begun anew when it is looked at: what it
# complained of before says more than its last lines.
last_words() {
    since=$(stat -c %Y "/var/lib/edgeboot/started-$service" 2>/dev/null)
    said=$(service_log "$service" 300 "${since:-0}")
    printf '%s\n' "$said" | grep -E 'level=(error|fatal)|^Error|^panic|standard_init|critical configuration' | tail -n 6
    printf '%s\n' "$said" | tail -n 3
}

# A socket's file outlives who made it, its entry in /proc/net/unix does not.
runtime() { if grep -qF /run/k3s/containerd/containerd.sock /proc/net/unix; then echo yes; else echo no; fi; }

unit() {
    printf 'ActiveState=%s\nNRestarts=%s\nRuntime=%s\n' "$active" "$(service_restarts "$service")" "$(runtime)"
}

active=$(service_active "$service")
section unit unit
if [ "$more" = more ]; then
    section clock date +%s
    section version timeout 20 /usr/local/bin/k3s --version
fi
if [ "$active" != active ] || [ "$more" = more ]; then section journal last_words; fi
[ "$role" = server ] || exit 0
if [ -r /etc/rancher/k3s/k3s.yaml ]; then
    section token base64 /var/lib/rancher/k3s/server/node-token
    section kubeconfig base64 /etc/rancher/k3s/k3s.yaml
fi
