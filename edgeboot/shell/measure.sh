# Samples what a service uses: one line a second, then the disk it fills. Writes nothing.
#
# measure.sh SERVICE SECONDS PATH...
#   PATH...  directories and files whose disk usage counts
#
# method cgroup|processes
# sample UPTIME-CENTISECONDS WORKING-SET-BYTES CPU-NANOSECONDS
# disk BYTES PATH
#
# The working set is what the kubelet calls it: usage less inactive page cache (cadvisor). Where the
# service has no control group of its own (OpenRC without rc_cgroup_mode), K3s's processes are summed
# up instead: their proportional set sizes (resident ones where the kernel has no smaps_rollup), their
# processor time and that of the children they have waited for.
# uses: init
set -u
service=$1 seconds=$2
shift 2

if ! pid=$(service_pid "$service"); then
    echo "$service has no process" >&2
    exit 1
fi

# K3s's own processes, by what they run: its shims are children of PID 1, not of the service.
processes() {
    for exe in /proc/[0-9]*/exe; do
        case $(readlink "$exe" 2>/dev/null) in
        /usr/local/bin/k3s | /usr/local/bin/k3s\ * | /var/lib/rancher/k3s/data/*) echo "${exe%/exe}" ;;
        esac
    done
}

of_controller() { # NAME: directory of the service's cgroup, version 1
    path=$(sed -n "s/^[0-9]*:\\([a-z_]*,\\)*$1\\(,[a-z_]*\\)*://p" "/proc/$pid/cgroup")
    [ -n "$path" ] && printf '/sys/fs/cgroup/%s%s' "$1" "$path"
}

if [ -e /sys/fs/cgroup/cgroup.controllers ]; then
    group=/sys/fs/cgroup$(sed -n 's/^0:://p' "/proc/$pid/cgroup") version=2
else
    group=$(of_controller memory) version=1
fi

method=cgroup
case ${group##*/} in
*"$service"*) ;; # named after the service: it holds nobody else
*) method=processes ;;
esac

if [ "$method" = processes ]; then
    ticks=$(getconf CLK_TCK 2>/dev/null) || ticks=100
    memory() {
        total=0
        for process in $(processes); do
            size=$(sed -n 's/^Pss: *\([0-9]*\).*/\1/p' "$process/smaps_rollup" 2>/dev/null)
            [ -n "$size" ] || size=$(sed -n 's/^VmRSS:[^0-9]*\([0-9]*\).*/\1/p' "$process/status" 2>/dev/null)
            total=$((total + ${size:-0}))
        done
        echo "$((total * 1024))"
    }
    cpu() { # fields 14 to 17; the program's name before them may hold anything
        total=0
        for process in $(processes); do
            # shellcheck disable=SC2046  # numbers
            set -- $(sed 's/.*) //' "$process/stat" 2>/dev/null)
            [ "$#" -gt 15 ] || continue
            shift 11
            total=$((total + $1 + $2 + $3 + $4))
        done
        echo "$((total * (1000000000 / ticks)))"
    }
elif [ "$version" = 2 ]; then
    memory() { echo "$(($(cat "$group/memory.current") - $(sed -n 's/^inactive_file //p' "$group/memory.stat")))"; }
    cpu() { echo "$(($(sed -n 's/^usage_usec //p' "$group/cpu.stat") * 1000))"; }
else
    of_cpu=$(of_controller cpuacct)
    memory() {
        echo "$(($(cat "$group/memory.usage_in_bytes") - $(sed -n 's/^total_inactive_file //p' "$group/memory.stat")))"
    }
    cpu() { cat "$of_cpu/cpuacct.usage"; }
fi

sample() {
    used=$(memory) && ran=$(cpu) || exit 1
    up=$(sed 's/ .*//; s/\.//' /proc/uptime)
    printf 'sample %s %s %s\n' "$up" "$used" "$ran"
}

echo "method $method"
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
