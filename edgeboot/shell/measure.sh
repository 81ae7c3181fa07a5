# Samples what a service uses: one line a second, then the disk it fills. Writes nothing.
#
# measure.sh SERVICE SECONDS PATH...
#   PATH...  directories and files whose disk usage counts
#
# sample UPTIME-CENTISECONDS MEMORY-BYTES CPU-NANOSECONDS
# disk BYTES PATH
#
# Memory is what cannot be taken away: anonymous and shared pages, pages of files that are mapped
# (programs run from them), and the kernel's own. Page cache is left out, active or not: a kernel
# short of memory drops it, and after an import of images it is most of what a group is charged.
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

total() { # FILE KEY...: the sum of some of its lines; a key that an older kernel lacks is 0
    file=$1 sum=0
    shift
    [ -r "$file" ] || return 1
    for key in "$@"; do
        value=$(sed -n "s/^$key //p" "$file")
        sum=$((sum + ${value:-0}))
    done
    echo "$sum"
}

if [ -e /sys/fs/cgroup/cgroup.controllers ]; then
    group=/sys/fs/cgroup$(sed -n 's/^0:://p' "/proc/$pid/cgroup")
    memory() { total "$group/memory.stat" anon shmem file_mapped kernel; }
    cpu() { echo "$(($(sed -n 's/^usage_usec //p' "$group/cpu.stat") * 1000))"; }
else
    of_memory=$(of_controller memory) of_cpu=$(of_controller cpuacct)
    memory() {
        kernel=$(cat "$of_memory/memory.kmem.usage_in_bytes" 2>/dev/null)
        known=$(total "$of_memory/memory.stat" total_rss total_shmem total_mapped_file) || return 1
        echo "$((known + ${kernel:-0}))"
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
