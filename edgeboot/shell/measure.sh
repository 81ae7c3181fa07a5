# Samples what a service uses: one line a second, then the disk it fills. Writes nothing.
#
# measure.sh SERVICE SECONDS PATH...
#   PATH...  directories and files whose disk usage counts
#
# sample UPTIME-CENTISECONDS WORKING-SET-BYTES CPU-NANOSECONDS
# disk BYTES PATH
#
# The working set is what the kubelet calls it: usage less inactive page cache (cadvisor).
set -u
service=$1 seconds=$2
shift 2

pid=$(systemctl show "$service.service" -p MainPID --value)
if [ "${pid:-0}" -le 0 ]; then
    echo "$service.service has no process" >&2
    exit 1
fi

of_controller() { # NAME: directory of the service's cgroup, version 1
    path=$(sed -n "s/^[0-9]*:\\([a-z_]*,\\)*$1\\(,[a-z_]*\\)*://p" "/proc/$pid/cgroup")
    [ -n "$path" ] && printf '/sys/fs/cgroup/%s%s' "$1" "$path"
}

if [ -e /sys/fs/cgroup/cgroup.controllers ]; then
    group=/sys/fs/cgroup$(sed -n 's/^0:://p' "/proc/$pid/cgroup")
    memory() { echo "$(($(cat "$group/memory.current") - $(sed -n 's/^inactive_file //p' "$group/memory.stat")))"; }
    cpu() { echo "$(($(sed -n 's/^usage_usec //p' "$group/cpu.stat") * 1000))"; }
else
    of_memory=$(of_controller memory) of_cpu=$(of_controller cpuacct)
    memory() {
        echo "$(($(cat "$of_memory/memory.usage_in_bytes") - $(sed -n 's/^total_inactive_file //p' "$of_memory/memory.stat")))"
    }
    cpu() { cat "$of_cpu/cpuacct.usage"; }
fi

sample() {
    used=$(memory) && ran=$(cpu) || exit 1
    up=$(sed 's/ .*//; s/\.//' /proc/uptime)
    printf 'sample %s %s %s\n' "$up" "$used" "$ran"
}

sample
taken=0
while [ "$taken" -lt "$seconds" ]; do
    sleep 1
    taken=$((taken + 1))
    sample
done
for path in "$@"; do
    [ -e "$path" ] || continue
    kibibytes=$(du -s -k -x "$path" | cut -f 1)
    printf 'disk %s %s\n' "$((kibibytes * 1024))" "$path"
done
