# Samples what K3s and its host use, once a second, then disk usage. Writes nothing.
#
# sample.sh SERVICE SECONDS DISK-PATH...
#   SERVICE    the service whose control group and processes are sampled
#   DISK-PATH  its usage is printed, with directories down to three levels below it
#
# To cost little, a sample starts two programs (sleep and one grep); the shell does the rest, and the
# reader does all arithmetic. Output:
#
# method cgroup|processes      the source of memory and processor time
# ticks N, clock EPOCH-SECONDS, limit BYTES (of the host), boot MICROSECONDS (from start to ready)
# read NAME FILE               FILE is in the samples, under our NAME
# process ROLE PID             a process of K3s
# sample                       starts a sample: FILE:LINE of all files, then
# files ROLE COUNT             open descriptors
# disk KIBIBYTES PATH, space KIBIBYTES-FREE
# end
#
# If the service has no control group of its own (OpenRC without rc_cgroup_mode; a controller that
# its manager does not use), its processes are sampled instead.
# uses: init processes
set -u
service=$1 seconds=$2
shift 2
paths=$*

if ! pid=$(service_pid "$service"); then
    echo "$service has no process" >&2
    exit 1
fi

of_controller() { # NAME: prints the service's cgroup directory (version 1)
    path=$(sed -n "s/^[0-9]*:\\([a-z_]*,\\)*$1\\(,[a-z_]*\\)*://p" "/proc/$pid/cgroup")
    [ -n "$path" ] && printf '/sys/fs/cgroup/%s%s' "$1" "$path"
}

shown() { systemctl show "$service.service" -p "$1" --value; } # PROPERTY

own() { # GROUP: prints it if it is named after the service and so holds nothing else
    case ${1##*/} in *"$service"*) echo "$1" ;; esac
}

first_of() { # PATH...: prints the first that exists
    for path in "$@"; do
        [ -e "$path" ] && echo "$path" && return
    done
}

reads() { # NAME FILE: adds FILE to every sample, if it exists
    [ -r "$2" ] || return 0
    echo "read $1 $2"
    files="$files $2"
}

if [ -e /sys/fs/cgroup/cgroup.controllers ]; then
    version=2 root=/sys/fs/cgroup
    group=$root$(sed -n 's/^0:://p' "/proc/$pid/cgroup")
    cpu_group=$group
else
    version=1 root=/sys/fs/cgroup/memory
    group=$(of_controller memory) cpu_group=$(own "$(of_controller cpuacct)")
fi
method=processes
[ -z "$(own "$group")" ] || method=cgroup

files=
echo "method $method"
echo "ticks $(getconf CLK_TCK 2>/dev/null || echo 100)"
echo "clock $(date +%s)"
# shellcheck disable=SC2154  # set by init.sh
if [ "$init" = systemd ] && [ "$(shown ActiveState)" = active ]; then
    echo "boot $(($(shown ActiveEnterTimestampMonotonic) - $(shown ExecMainStartTimestampMonotonic)))"
fi
for file in "$root/memory.limit_in_bytes" "$root/memory.max"; do
    read -r limit 2>/dev/null <"$file" || continue
    # "No limit" is "max", or a number of 19 digits.
    case $limit in *[!0-9]*) ;; *) [ "${#limit}" -gt 15 ] || echo "limit $limit" ;; esac
done

reads uptime /proc/uptime
reads load /proc/loadavg
reads meminfo /proc/meminfo
reads pressure-cpu /proc/pressure/cpu
reads pressure-memory /proc/pressure/memory
reads pressure-io /proc/pressure/io
reads host-memory "$root/memory.stat"
reads host-usage "$(first_of "$root/memory.usage_in_bytes" "$root/memory.current")"
if [ "$method" = cgroup ]; then
    reads memory "$group/memory.stat"
    reads kernel-memory "$group/memory.kmem.usage_in_bytes"
    reads cpu "$(first_of "$cpu_group/cpuacct.usage" "$cpu_group/cpu.stat")"
    [ "$version" = 2 ] || reads quota "$(own "$(of_controller cpu)")/cpu.stat"
fi
pods=$(first_of "$root/kubepods" "$root/kubepods.slice")
if [ -n "$pods" ]; then
    reads pods-memory "$pods/memory.stat"
    reads pods-kernel-memory "$pods/memory.kmem.usage_in_bytes"
    reads pods-cpu "$(first_of "/sys/fs/cgroup/cpuacct/${pods##*/}/cpuacct.usage" "$pods/cpu.stat")"
fi
data=/var/lib/rancher/k3s
real=$(readlink -f "$data") # it may be a link
# The device of the file system with K3s's data, by its numbers.
device=$(sed -n 's/^[0-9]* [0-9]* \([0-9]*\):\([0-9]*\) [^ ]* \(\/[^ ]*\) .*/\3 \1 \2/p' /proc/self/mountinfo |
    while read -r point major minor; do
        case $real/ in "${point%/}"/*) echo "${#point} $major $minor" ;; esac
    done | sort -n | tail -n 1)
# shellcheck disable=SC2086  # three numbers
set -- $device
disk="^ *${2:-none} +${3:-none} "
reads disks /proc/diskstats

role_of() { # PID: sets $role from the program's name
    role=
    read -r name 2>/dev/null <"/proc/$1/comm" || return 0
    case $name in
    containerd-shim*) role=shim ;;
    containerd) role=containerd ;;
    k3s*) role=k3s ;;
    *) role=other ;;
    esac
    # The service's own process is K3s, whatever its name is.
    [ "$1" = "$pid" ] && role=k3s
    return 0
}

members() { # prints the processes of K3s
    if [ "$method" = cgroup ]; then
        while read -r member; do echo "$member"; done 2>/dev/null <"$group/cgroup.procs"
        return
    fi
    # By executable: shims are children of PID 1, not of the service.
    programs_of_processes | while read -r member exe; do
        case $exe in
        /usr/local/bin/k3s | /usr/local/bin/k3s\ * | "$real"/data/*) echo "$member" ;;
        esac
    done
}

find_processes() { # sets $processes (ROLE:PID …), $counted and $sized (files)
    processes='' counted='' sized=''
    for member in $(members); do
        role_of "$member"
        [ -n "$role" ] || continue
        echo "process $role $member"
        processes="$processes $role:$member"
        counted="$counted /proc/$member/stat /proc/$member/io"
        sized="$sized /proc/$member/smaps_rollup /proc/$member/status"
    done
}

count_files() {
    for process in $processes; do
        set -- "/proc/${process#*:}/fd/"*
        [ "$1" = "/proc/${process#*:}/fd/*" ] || echo "files ${process%%:*} $#"
    done
}

keys='some|anon|shmem|file_mapped|kernel|inactive_file|usage_usec|nr_periods|nr_throttled'
keys="$keys|total_rss|total_shmem|total_mapped_file|total_inactive_file"
pattern="^($keys) |^(MemAvailable|Pss|VmHWM|VmRSS|write_bytes):|^[0-9]|$disk"

sample() { # EXTRA-FILE...
    echo sample
    # shellcheck disable=SC2086  # names without blanks
    grep -s -H -E "$pattern" $files $counted "$@"
    count_files
}

taken=0
while :; do
    # Walking page tables is expensive: only every ten seconds, unless it is the source of memory.
    if [ "$((taken % 10))" = 0 ] || [ "$taken" = "$seconds" ] || [ "$method" = processes ]; then
        find_processes
        # shellcheck disable=SC2086
        sample $sized
    else
        sample
    fi
    [ "$taken" -lt "$seconds" ] || break
    sleep 1
    taken=$((taken + 1))
done
for path in $paths; do
    [ -e "$path" ] && du -k -x -d 3 "$path" 2>/dev/null |
        while read -r size name; do echo "disk $size $name"; done
done
df -P -k /var/lib/rancher | sed -n '$s/^[^ ]* *[0-9]* *[0-9]* *\([0-9]*\) .*/space \1/p'
echo end
