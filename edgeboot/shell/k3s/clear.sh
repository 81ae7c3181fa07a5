# Removes one kind of thing of K3s's from a host; what is already gone is not an error.
#
# clear.sh service NAME... | processes | mounts | network | rules | paths PATH... | record
#
# Everything but services and paths is looked up again: a pod may have mounted something since the
# plan was made.
# uses: init openings processes remains
set -u
kind=$1
shift

fail() {
    echo "$1" >&2
    exit 1
}

clear_service() {
    for name in "$@"; do
        service_stop "$name"
        case $(service_active "$name") in
        active | activating | deactivating) fail "$name does not stop" ;;
        esac
    done
}

clear_processes() {
    tries=0
    while pids=$(remaining_processes) && [ -n "$pids" ]; do
        tries=$((tries + 1))
        [ "$tries" -lt 50 ] || fail "cannot kill processes $(echo "$pids" | tr '\n' ' ')"
        # shellcheck disable=SC2086  # numbers
        kill -9 $pids 2>/dev/null
        sleep 0.2 2>/dev/null || sleep 1
    done
    for group in /sys/fs/cgroup/kubepods /sys/fs/cgroup/*/kubepods; do clear_group "$group"; done
}

clear_group() { # DIRECTORY: removes empty control groups from the leaves up
    [ -d "$1" ] && [ ! -L "$1" ] || return 0
    for group in "$1"/*/; do [ -d "$group" ] && clear_group "${group%/}"; done
    rmdir "$1" 2>/dev/null || :
}

clear_mounts() {
    tries=0
    while points=$(remaining_mounts) && [ -n "$points" ]; do
        tries=$((tries + 1))
        [ "$tries" -lt 10 ] || fail "still mounted: $points"
        printf '%s\n' "$points" | while read -r point; do
            umount "$point" 2>/dev/null || umount -l "$point" || :
        done
    done
}

clear_network() {
    for name in $(remaining_namespaces); do
        umount -l "/run/netns/$name" 2>/dev/null
        rm -f "/run/netns/$name"
    done
    rmdir /run/netns 2>/dev/null
    for name in $(remaining_links); do
        if has_link "$name"; then ip link delete "$name" || fail "cannot delete link $name"; fi
    done
}

clear_rules() {
    for tool in $(rule_tools); do
        rules=$("$tool-save") || fail "$tool-save failed"
        # shellcheck disable=SC2154  # set by remains.sh
        printf '%s\n' "$rules" | grep -qE "$of_k3s" || continue
        printf '%s\n' "$rules" | grep -vE "$of_k3s" | "$tool-restore" || fail "$tool-restore failed"
    done
    # shellcheck disable=SC2154  # set by openings.sh
    if [ -e "$applied" ]; then change_openings /dev/null; fi
    nft_tables | while read -r family name; do nft delete table "$family" "$name"; done
}

# A link or a disk in the place of one of K3s's directories stays, empty, as k3s-uninstall.sh leaves
# disks. What pods have mounted is gone before; any other mount is an error.
clear_path() { # PATH
    mounted=$(mounts_below "$(real "$1")")
    if is_place "$1" && [ -L "$1" ]; then
        empty "$1" || exit 1
    elif [ -z "$mounted" ]; then
        remove "$1"
    else
        # shellcheck disable=SC2154  # set by remains.sh
        case $1 in
        "$data") ;;
        /var/lib/kubelet)
            for point in $mounted; do
                case $point in "$1" | "$1/pods" | "$1/plugins") ;; *) fail "something is mounted below $1: $point" ;; esac
            done ;;
        *) if ! is_place "$1" || [ "$mounted" != "$1" ]; then fail "something is mounted below $1: $mounted"; fi ;;
        esac
        empty "$1" || exit 1
    fi
}

# In the directory itself: a path to it might lead elsewhere by the time something is removed.
empty() ( # DIRECTORY, with $mounted set: everything but mount points and what leads to them
    why=$(why_not_empty "$1")
    [ -z "$why" ] || fail "cannot remove what is in $1: $why"
    cd -P "$1" || exit 1
    empty_here
)

empty_here() (
    here=$(pwd -P)
    for entry in * .[!.]* ..?*; do
        if [ ! -e "$entry" ] && [ ! -L "$entry" ]; then continue; fi
        if holds_mount "$here/$entry"; then
            cd -P "./$entry" && empty_here && cd .. || exit 1
        else
            remove "./$entry"
        fi
    done
)

remove() { # PATH
    rm -rf "$1" 2>/dev/null && return
    # A snapshot of btrfs is a read-only directory, which only its own program removes.
    if command -v btrfs >/dev/null 2>&1; then
        find "$1" -depth -type d -inum 256 | while read -r volume; do btrfs subvolume delete "$volume"; done >&2
    fi
    rm -rf "$1" || fail "cannot remove $1"
}

is_dead() { ! grep -qF -e " $1" /proc/net/unix; } # SOCKET: nothing listens there any more

# What pods leave until the next boot. The files of another containerd stay, as do those of shims whose
# containerd has its socket elsewhere, as Docker's may.
clear_traces() {
    # shellcheck disable=SC2154  # set by init.sh
    if [ "$init" = systemd ]; then systemctl stop kubepods.slice; fi
    if [ ! -S /run/containerd/containerd.sock ]; then
        rm -rf /run/containerd/runc/k8s.io
        for socket in /run/containerd/s/* /run/nri/nri.sock; do
            if [ -S "$socket" ] && is_dead "$socket"; then rm -f "$socket"; fi
        done
        rmdir /run/containerd/s /run/containerd/runc /run/containerd /run/nri
    fi
    for empty in volume/exec volume ''; do rmdir "/usr/libexec/kubernetes/kubelet-plugins/$empty"; done
    rmdir /usr/libexec/kubernetes
} 2>/dev/null

clear_paths() {
    points=$(remaining_mounts)
    [ -z "$points" ] || fail "still mounted: $points"
    for link in $(moved_places); do
        mounted=$(mounts_below "$(real "$link")")
        empty "$link" || exit 1
    done
    for path in "$@"; do clear_path "$path"; done
    clear_traces
    # Their parent directories were created with them, and stay if they have other content.
    rmdir /etc/rancher /var/lib/rancher /etc/systemd/journald.conf.d \
        /etc/systemd/timesyncd.conf.d 2>/dev/null
    # shellcheck disable=SC2154  # set by init.sh
    if [ "$init" = systemd ]; then systemctl daemon-reload; fi
    for path in "$@"; do
        case $path in
        /etc/systemd/journald.conf.d/*) systemctl restart systemd-journald.service ;;
        /etc/systemd/timesyncd.conf.d/*) systemctl try-restart systemd-timesyncd.service ;;
        esac
    done
    sync
}

# The lock stays until the connection ends, and removes the directory then.
clear_record() {
    for entry in /var/lib/edgeboot/* /var/lib/edgeboot/.[!.]*; do
        case $entry in */lock) continue ;; esac
        rm -rf "$entry"
    done
    sync
}

case $kind in
service) clear_service "$@" ;;
processes) clear_processes ;;
mounts) clear_mounts ;;
network) clear_network ;;
rules) clear_rules ;;
paths) clear_paths "$@" ;;
record) clear_record ;;
*) fail "unknown kind $kind" ;;
esac
exit 0
