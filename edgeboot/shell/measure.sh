# Samples what a service uses: one line a second, then the disk it fills. Writes nothing.
#
# measure.sh SERVICE SECONDS PATH...
#   PATH...  directories and files whose disk usage counts
#
# method cgroup|processes
# sample UPTIME-CENTISECONDS MEMORY-BYTES CPU-NANOSECONDS
# disk BYTES PATH
#
# Memory is what cannot be taken away: anonymous and shared pages, pages of files that are mapped
# (programs run from them), and the kernel's own. Page cache is left out, active or not: a kernel
# short of memory drops it, and after an import of images it is most of what a group is charged.
#
# Where the service has no control group of its own (OpenRC without rc_cgroup_mode), K3s's processes
# are summed up instead: their proportional set sizes (resident ones where the kernel has no
# smaps_rollup), their processor time and that of the children they have waited for.
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
        sum=0
        for process in $(processes); do
            size=$(sed -n 's/^Pss: *\([0-9]*\).*/\1/p' "$process/smaps_rollup" 2>/dev/null)
            [ -n "$size" ] || size=$(sed -n 's/^VmRSS:[^0-9]*\([0-9]*\).*/\1/p' "$process/status" 2>/dev/null)
            sum=$((sum + ${size:-0}))
        done
        echo "$((sum * 1024))"
    }
    cpu() { # fields 14 to 17; the program's name before them may hold anything
        sum=0
        for process in $(processes); do
            # shellcheck disable=SC2046  # numbers
            set -- $(sed 's/.*) //' "$process/stat" 2>/dev/null)
            [ "$#" -gt 15 ] || continue
            shift 11
            sum=$((sum + $1 + $2 + $3 + $4))
        done
        echo "$((sum * (1000000000 / ticks)))"
    }
elif [ "$version" = 2 ]; then
    memory() { total "$group/memory.stat" anon shmem file_mapped kernel; }
    cpu() { echo "$(($(sed -n 's/^usage_usec //p' "$group/cpu.stat") * 1000))"; }
else
    of_cpu=$(of_controller cpuacct)
    memory() {
        kernel=$(cat "$group/memory.kmem.usage_in_bytes" 2>/dev/null)
        known=$(total "$group/memory.stat" total_rss total_shmem total_mapped_file) || return 1
        echo "$((known + ${kernel:-0}))"
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
