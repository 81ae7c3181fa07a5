# Runs before K3s starts: sets a clock that is behind the last known time to that time, and waits for
# a time server; stays on the host.
#
# clock.sh FLOOR SECONDS
#   FLOOR    yes: set the clock forward, never back
#   SECONDS  to wait for a time server at most; 0: do not wait
#
# A board without a battery boots in the past, where K3s's certificates are not valid yet. The last
# known time is that of the newest file that is written anyway, so that this does not wear out a card.
set -u
floor=$1 seconds=$2
data=/var/lib/rancher/k3s

newest() {
    latest=0
    for file in /var/lib/edgeboot/* /etc/fake-hwclock.data /var/lib/systemd/timesync/clock \
        "$data"/server/db/state.db* "$data"/server/db/etcd/member/wal/* "$data"/server/tls/*.crt \
        "$data"/agent/*.crt "$data"/agent/containerd/io.containerd.metadata.v1.bolt/meta.db; do
        stamp=$(stat -L -c %Y "$file" 2>/dev/null) || continue
        if [ "$stamp" -gt "$latest" ]; then latest=$stamp; fi
    done
    echo "$latest"
}

synchronised() {
    if [ -e /run/systemd/timesync/synchronized ]; then return 0; fi
    chronyc -n tracking 2>/dev/null | grep -q '^Leap status *: Normal'
}

if [ "$floor" = yes ]; then
    last=$(newest)
    if [ "$(date +%s)" -lt "$last" ]; then
        date -u -s "@$last" >/dev/null && echo "edgeboot: the clock was behind; it was set to the last known time"
    fi
fi
waited=0
while [ "$waited" -lt "$seconds" ]; do
    if synchronised; then exit 0; fi
    sleep 1
    waited=$((waited + 1))
done
[ "$seconds" = 0 ] || echo "edgeboot: no time server answered within $seconds s; K3s starts anyway"
