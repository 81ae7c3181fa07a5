# Run before K3s starts: a clock that stands before the last known time is set to it, and a time
# server gets some time to answer; stays on the host.
#
# clock.sh FLOOR SECONDS
#   FLOOR    yes: set the clock forward, never back
#   SECONDS  to wait for a time server at most; 0: none is asked
#
# A board without a battery comes up in the past, where K3s's certificates are not valid yet. The
# last known time is that of the newest file that somebody keeps writing, so that nothing has to be
# written for it on a card.
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
        date -u -s "@$last" >/dev/null && echo "edgeboot: the clock was behind; it is set to the last known time"
    fi
fi
waited=0
while [ "$waited" -lt "$seconds" ]; do
    if synchronised; then exit 0; fi
    sleep 1
    waited=$((waited + 1))
done
[ "$seconds" = 0 ] || echo "edgeboot: no time server has answered within $seconds s; K3s starts all the same"
