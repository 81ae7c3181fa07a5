#!/bin/sh
# Start a lab host on a machine with cgroup v1.
#   launch_v1.sh enter GROUP ARGV...
# GROUP exists in every hierarchy. Standard input is the lab's lock, standard output a pipe somebody
# waits at: let go of both only when this process is in all of the groups, where `edgeboot lab down`
# finds it. Standard error is the host's console log.
#   launch_v1.sh inside ARGV...
# The second stage, in fresh cgroup and mount namespaces: mount the hierarchies again, so that the
# host sees its own groups as their roots; then run ARGV, again whenever the host reboots.
set -eu

stage=$1
shift

if [ "$stage" = enter ]; then
    group=$1
    shift
    for hierarchy in /sys/fs/cgroup/*/; do
        [ ! -L "${hierarchy%/}" ] || continue
        [ -d "$hierarchy$group" ] || continue
        echo 0 >"$hierarchy$group/cgroup.procs"
    done
    exec </dev/null >&2
    exec unshare --cgroup --mount --propagation private sh "$0" inside "$@"
fi

mounts=$(grep -E '^[^ ]+ /sys/fs/cgroup/[^ /]+ cgroup2? ' /proc/self/mounts)
mount -t tmpfs -o mode=755 tmpfs /sys/fs/cgroup
while read -r _ directory type options _; do
    mkdir "$directory"
    if [ "$type" = cgroup2 ]; then
        mount -t cgroup2 cgroup2 "$directory"
        continue
    fi
    # Of the options, the names of the controllers (or name=systemd) say which hierarchy it is.
    which=$(printf '%s\n' "$options" | tr ',' '\n' |
        grep -Ev '^(rw|ro|relatime|nosuid|nodev|noexec|xattr|clone_children|release_agent=.*)$' |
        tr '\n' ',')
    mount -t cgroup -o "${which%,}" cgroup "$directory"
done <<EOF
$mounts
EOF

# 133: the host asked for a reboot, and with --keep-unit nspawn leaves that to its caller.
while :; do
    status=0
    "$@" || status=$?
    [ "$status" -eq 133 ] || exit "$status"
done
