# What K3s left on a host: the only place that decides which processes, mounts, links, and rules are
# K3s's. Functions only; used by survey.sh and clear.sh, with openings.sh and processes.sh. Source:
# k3s-killall.sh and k3s-uninstall.sh.

data=/var/lib/rancher/k3s
# Directories that are K3s's as a whole, and those in them that people move to another disk. Any of
# them may be a link or a mount point of the administrator's: it stays, and what is behind it goes.
places="/run/k3s /run/flannel /var/lib/kubelet /var/lib/cni /var/log/pods /var/log/containers"
places="$places /etc/rancher/k3s /etc/rancher/node $data"
inner="$data/data $data/agent $data/agent/images $data/agent/containerd $data/server $data/storage"
inner="$inner $data/server/tls $data/server/db $data/server/db/etcd $data/server/db/snapshots"
inner="$inner /var/lib/kubelet/pods /var/lib/kubelet/plugins"
# A host without ip or iptables uses K3s's own while they exist.
PATH=$PATH:$data/data/current/bin:$data/data/current/bin/aux

# Shims and everything else that runs from K3s's directory, their descendants, and everything in a pod's
# control group. Never by name: another container engine has shims of its own.
remaining_processes() { # prints their ids
    found=' '
    programs=$(real "$data/data")
    # In another mount namespace the same path is another file: K3s inside a container.
    mine=$(readlink /proc/1/ns/mnt)
    here=" $(namespaces_of_processes | grep -F -e " $mine" | sed 's/ .*//' | tr '\n' ' ')"
    while read -r pid exe; do
        case $exe in
        "$programs"/* | /usr/local/bin/k3s | '/usr/local/bin/k3s (deleted)')
            case $here in *" $pid "*) found="$found$pid " ;; esac ;;
        esac
    done <<EOF
$(programs_of_processes)
EOF
    if ! grep -q kubepods /proc/self/cgroup; then # unless this host is itself a pod
        # shellcheck disable=SC2013  # names without blanks
        for group in $(grep -l '[:/]kubepods' /proc/[0-9]*/cgroup 2>/dev/null); do
            pid=${group#/proc/}
            found="$found${pid%/cgroup} "
        done
    fi
    [ "$found" != ' ' ] || return 0
    parents=$(grep -H '^PPid:' /proc/[0-9]*/status 2>/dev/null | sed 's|/proc/\([0-9]*\)/status:PPid:[^0-9]*|\1 |')
    grown=yes
    while [ "$grown" = yes ]; do
        grown=no
        while read -r pid parent; do
            case $found in *" $pid "*) continue ;; esac
            case $found in *" $parent "*) found="$found$pid " grown=yes ;; esac
        done <<EOF
$parents
EOF
    done
    for pid in $found; do echo "$pid"; done | sort -u
}

mounts_below() { # PREFIX...: prints mount points that are one of these or lie below, deepest first
    while read -r _ point _; do
        # The kernel writes blanks in names as \040 and the like.
        case $point in
        *\\*) point=$(printf '%b.' "$(printf '%s' "$point" | sed 's/\\\([0-7]\)/\\0\1/g')") && point=${point%.} ;;
        esac
        for prefix in "$@"; do
            case $point in "$prefix" | "$prefix"/*) printf '%s\n' "$point" ;; esac
        done
    done </proc/mounts | sort -r
}

remaining_mounts() { # what K3s's containers have mounted
    for base in /run/k3s /var/lib/kubelet/pods /var/lib/kubelet/plugins; do
        base=$(real "$base")
        mounts_below "$base" | grep -vxF -e "$base"
    done
    for point in /run/netns/cni-*; do
        if [ -e "$point" ]; then mounts_below "$point"; fi
    done
}

real() { # PATH: prints where it is, links followed
    readlink -f "$1" 2>/dev/null || printf '%s\n' "$1"
}

is_place() { # PATH
    case " $places " in *" $1 "*) ;; *) return 1 ;; esac
}

moved_places() { # prints the links that lead a directory of K3s's elsewhere, the deepest first
    for place in $places $inner "$data"/agent/containerd/io.containerd.*; do
        if [ -L "$place" ]; then echo "$place"; fi
    done | sort -r
}

# A link to the system's own directories, or to what is not only K3s's, must not cost anybody's files.
why_not_empty() { # PLACE, a link or a mount point: prints why what is behind it cannot be removed
    theirs=''
    if ! target=$(cd -P "$1" 2>/dev/null && pwd -P); then
        echo "it leads to $(readlink "$1"), which is not a directory, or not mounted"
        return
    fi
    if [ "$1" != "$target" ]; then
        case ${target%/}/ in
        /etc/k3s/* | /etc/rancher/*/* | /var/lib/*k3s*/* | /var/lib/*kube*/* | /var/lib/rancher/*/*) ;;
        / | /bin/* | /sbin/* | /lib/* | /lib??/* | /boot/* | /dev/* | /proc/* | /sys/* | /etc/* | /usr/*)
            theirs='the system' ;;
        /home/*/*/* | /var/*/*/*/*) ;;
        /home/*/ | /root/) theirs='a user' ;;
        /home/ | /run/ | /var/* | /opt/ | /srv/ | /mnt/ | /media/ | /tmp/) theirs='the system' ;;
        esac
        case $1/ in "${target%/}"/*) theirs=${theirs:-'more than K3s'} ;; esac
        if [ -n "$theirs" ]; then
            echo "it leads to $target, which belongs to $theirs"
            return
        fi
        if [ "$1" != "$data" ] && is_mount_point "$target"; then
            echo "it leads to $target, a whole disk, which may hold other files"
            return
        fi
    fi
    [ "$1" = "$data" ] || return 0
    for entry in "$target"/* "$target"/.[!.]*; do
        if [ ! -e "$entry" ] && [ ! -L "$entry" ]; then continue; fi
        case ${entry##*/} in
        agent | data | server | storage | lost+found | .edgeboot-*) ;;
        *)
            echo "$target also holds ${entry##*/}, which is not K3s's"
            return ;;
        esac
    done
}

is_mount_point() { # DIRECTORY
    mounts_below "$1" | grep -qxF -e "$1"
}

# /proc/net shows this network namespace, /sys/class/net the one in which /sys was mounted.
has_link() { grep -q "^ *$1:" /proc/net/dev; } # NAME

remaining_links() {
    for name in cni0 flannel.1 flannel-v6.1 flannel-wg flannel-wg-v6 kube-ipvs0; do
        if has_link "$name"; then echo "$name"; fi
    done
    has_link cni0 || return 0
    ip -o link show | sed -n '/ master cni0 /s/^[0-9]*: *\([^:@]*\).*/\1/p'
}

remaining_namespaces() {
    for file in /run/netns/cni-*; do [ -e "$file" ] && echo "${file##*/}"; done
}

# The tools whose rules count: the host's default, and the other variant if both are installed.
rule_tools() {
    for tool in iptables ip6tables iptables-legacy ip6tables-legacy iptables-nft ip6tables-nft; do
        command -v "$tool-save" >/dev/null 2>&1 || continue
        case $tool in # asking the legacy tools makes the kernel load what nobody may use
        ip6*-legacy) [ -s /proc/net/ip6_tables_names ] || continue ;;
        ip*-legacy) [ -s /proc/net/ip_tables_names ] || continue ;;
        esac
        echo "$tool"
    done
}

of_k3s='KUBE-|CNI-|[Ff][Ll][Aa][Nn][Nn][Ee][Ll]'

nft_tables() { # of a kube-proxy or a flannel that speaks nftables itself
    command -v nft >/dev/null 2>&1 || return 0
    nft list tables 2>/dev/null | grep -E ' (kube-proxy|flannel-ipv4|flannel-ipv6)$' | sed 's/^table //'
}

# shellcheck disable=SC2154  # applied is set by openings.sh
remaining_rules() { # prints how many there are
    {
        for tool in $(rule_tools); do "$tool-save" 2>/dev/null; done | grep -E "^(-A|:).*($of_k3s)"
        nft_tables
        cat "$applied" 2>/dev/null
    } | wc -l
}

holds_mount() { # PATH: whether it is one of the mount points in $mounted, or leads to one
    while read -r point; do
        case $point in "$1" | "$1"/*) return 0 ;; esac
    done <<EOF
${mounted:-}
EOF
    return 1
}

# Of a link to a directory, and of a directory with mount points below it, these stay.
has_content() { # PATH, with $mounted set: whether there is anything but those
    if is_place "$1" && [ -L "$1" ] && [ -d "$1" ]; then
        has_entries "$(real "$1")"
    else
        ! holds_mount "$1" || has_entries "$1"
    fi
}

has_entries() { # DIRECTORY
    for entry in "$1"/* "$1"/.[!.]* "$1"/..?*; do
        if [ ! -e "$entry" ] && [ ! -L "$entry" ]; then continue; fi
        if ! holds_mount "$entry" || has_entries "$entry"; then return 0; fi
    done
    return 1
}

is_ours() { # PATH of a link: whether it leads to K3s
    [ -L "$1" ] || return 1
    case $(readlink "$1") in k3s | /usr/local/bin/k3s) true ;; *) false ;; esac
}

# Files and directories of K3s and edgeboot; files elsewhere are in edgeboot's own record.
remaining_paths() {
    for path in $places \
        /etc/systemd/system/k3s.service /etc/systemd/system/k3s-agent.service \
        /etc/systemd/system/k3s.service.env /etc/systemd/system/k3s-agent.service.env \
        /etc/init.d/k3s /etc/init.d/k3s-agent /etc/logrotate.d/k3s /etc/logrotate.d/k3s-agent \
        /var/log/k3s.log* /var/log/k3s-agent.log* \
        /usr/local/bin/k3s-killall.sh /usr/local/bin/k3s-uninstall.sh \
        /usr/local/bin/k3s-agent-uninstall.sh /usr/local/bin/k3s; do
        if [ -e "$path" ] || [ -L "$path" ]; then echo "$path"; fi
    done
    for name in kubectl crictl ctr; do
        if is_ours "/usr/local/bin/$name"; then echo "/usr/local/bin/$name"; fi
    done
    # What edgeboot has put anywhere under a name of its own or of its service. What it changed under
    # another name (a boot parameter, say) the host may need: that stays.
    [ ! -r /var/lib/edgeboot/owned ] || while read -r path; do
        case $path in
        "$data"/* | /etc/rancher/k3s/*) ;;
        /etc/systemd/system/k3s* | */*edgeboot*) if [ -e "$path" ]; then echo "$path"; fi ;;
        esac
    done </var/lib/edgeboot/owned
}
