# Prints how K3s does on a host, from what the host itself knows: no program of K3s's own is started,
# and what only the API can say is asked of the API. Each section begins with "== NAME EXIT-CODE".
#
# status.sh ROLE SERVICE [MORE]
#   ROLE     server (token and kubeconfig too) or agent
#   SERVICE  the service
#   MORE     "more": clock, identity, version of the binary, and the log of a running service as well
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

# The Node that the host is, once it has joined. edgeboot writes the name as a JSON string.
identity() {
    machine=$(cat /etc/machine-id 2>/dev/null) name=
    if [ -e /var/lib/rancher/k3s/agent/server-ca.crt ]; then
        name=$(sed -n 's/^node-name: "\(.*\)"$/\1/p' /etc/rancher/k3s/config.yaml 2>/dev/null)
    fi
    printf 'MachineID=%s\nNode=%s\n' "$machine" "$name"
}

active=$(service_active "$service")
section unit unit
if [ "$more" = more ]; then
    section clock date +%s
    section identity identity
    section version timeout 20 /usr/local/bin/k3s --version
fi
if [ "$active" != active ] || [ "$more" = more ]; then section journal last_words; fi
[ "$role" = server ] || exit 0
if [ -r /etc/rancher/k3s/k3s.yaml ]; then
    section token base64 /var/lib/rancher/k3s/server/node-token
    section kubeconfig base64 /etc/rancher/k3s/k3s.yaml
fi
