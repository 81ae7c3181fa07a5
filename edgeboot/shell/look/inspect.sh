# Reads everything that `verify` checks on a host; changes nothing. Each section begins with a line
# "== NAME EXIT-CODE".
#
# inspect.sh SERVICE FILE...
#   SERVICE  name of the service
#   FILE     is hashed, byte by byte: hashes that an earlier run recorded prove nothing
# uses: init said sections
set -u
service=$1
shift
k3s=/usr/local/bin/k3s
data=/var/lib/rancher/k3s

unit() {
    enabled=no
    if service_enabled "$service"; then enabled=yes; fi
    printf 'ActiveState=%s\nNRestarts=%s\nEnabled=%s\n' "$active" "$restarts" "$enabled"
}

version() { "$k3s" --version 2>/dev/null | sed -n '1s/^k3s version \([^ ]*\).*/\1/p'; }

modes() { # MODE UID:GID KIND|NAME of every FILE, everything that holds a secret, and their directories
    for path in "$@" /etc/rancher /etc/rancher/k3s /etc/rancher/k3s/*.yaml /etc/rancher/k3s/*.yaml.d/* \
        /etc/rancher/node /etc/rancher/node/password "/etc/systemd/system/$service.service.env" \
        "$data" "$data/server" "$data/server/token" "$data/server/agent-token" "$data/server/cred" \
        "$data"/server/cred/* "$data/server/tls" "$data"/server/tls/*.key "$data/server/tls/etcd" \
        "$data"/server/tls/etcd/*.key "$data/server/db" "$data"/server/db/*.db "$data/agent" \
        "$data"/agent/*.key "$data"/agent/*.kubeconfig "$data/agent/etc" "$data/agent/etc/containerd" \
        "$data/agent/etc/containerd/config.toml" /var/lib/edgeboot /var/lib/edgeboot/*; do
        [ -e "$path" ] && printf '%s\0' "$path"
    done | xargs -0 stat -L -c '%a %u:%g %F|%n'
}

hashes() {
    for path in "$@"; do
        [ -f "$path" ] && printf '%s\0' "$path"
    done | xargs -0 sha256sum
}

certificates() { # public parts only: keys have other suffixes
    for path in "$data"/server/tls/*.crt "$data"/server/tls/etcd/*.crt "$data"/agent/*.crt; do
        [ -f "$path" ] && printf 'file %s\n' "$path" && cat "$path"
    done
    return 0
}

kernel() {
    for name in net/ipv4/ip_forward net/bridge/bridge-nf-call-iptables vm/panic_on_oom \
        vm/overcommit_memory kernel/panic kernel/panic_on_oops; do
        value=$(cat "/proc/sys/$name" 2>/dev/null) && printf 'sysctl %s %s\n' "$name" "$value"
    done
    grep -qw overlay /proc/filesystems && echo 'module overlay'
    [ -d /proc/sys/net/bridge ] && echo 'module br_netfilter'
    if [ -e /sys/fs/cgroup/cgroup.controllers ]; then
        tr ' ' '\n' </sys/fs/cgroup/cgroup.controllers | sed 's/^/cgroup /'
    else
        sed -n 's/^\([a-z_]*\).*[[:space:]]1$/cgroup \1/p' /proc/cgroups
    fi
}

active=$(service_active "$service")
restarts=$(service_restarts "$service")
section clock date +%s
section unit unit
section version version
if [ -S /run/k3s/containerd/containerd.sock ]; then
    section images timeout 120 "$k3s" ctr -n k8s.io images check
fi
section journal service_said "$service" "$active" "$restarts"
kubelet_listens || section containerd containerd_said "$service"
section modes modes "$@"
section hashes hashes "$@"
section certificates certificates
section kernel kernel
echo '== end 0'
