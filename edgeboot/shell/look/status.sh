# Prints how K3s does on a host, from what the host itself knows: no program of K3s's own is started,
# and what only the API can say is asked of the API. Each section begins with "== NAME EXIT-CODE".
#
# status.sh ROLE SERVICE [MORE]
#   ROLE     server (token and kubeconfig too) or agent
#   SERVICE  the service
#   MORE     "more": clock, identity, version of the binary, and the log of a running service as well
# uses: init said sections
set -u
role=$1 service=$2 more=${3:-}

# A socket's file outlives who made it, its entry in /proc/net/unix does not.
runtime() { if grep -qF /run/k3s/containerd/containerd.sock /proc/net/unix; then echo yes; else echo no; fi; }

unit() {
    printf 'ActiveState=%s\nNRestarts=%s\nRuntime=%s\n' "$active" "$restarts" "$(runtime)"
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
restarts=$(service_restarts "$service")
section unit unit
if [ "$more" = more ]; then
    section clock date +%s
    section identity identity
    section version timeout 20 /usr/local/bin/k3s --version
fi
if [ "$active" != active ] || [ "$more" = more ]; then
    section journal service_said "$service" "$active" "$restarts"
fi
if [ "$active" = activating ] || { [ "$active" = active ] && ! kubelet_listens; }; then
    section containerd containerd_said "$service"
fi
[ "$role" = server ] || exit 0
if [ -r /etc/rancher/k3s/k3s.yaml ]; then
    section token base64 /var/lib/rancher/k3s/server/node-token
    section kubeconfig base64 /etc/rancher/k3s/k3s.yaml
fi
