# Prints all facts of a host, one per line; changes nothing but the lock.
#
# observe.sh LOCK HOLDER TARGET...
#   LOCK    "hold:RUN[,DEAD]": take edgeboot's lock for that run, print the facts and "ready", then
#           keep the lock as long as bytes arrive on standard input; a run takes it over from itself,
#           and from a run that its controller knows to be dead: a host may not know that yet.
#           "free": no lock, end after the facts
#   HOLDER  of the lock, shown to the next one who asks for it
#   TARGET  file:PATH (mode, size, hash), text:PATH (and content), tree:PATH (every file below),
#           unit:NAME, seen:PATH (a file that is too large and changes too often to hash), place:PATH
#           (its file system), parts:PATH (interrupted uploads in that directory; with the lock, those
#           of earlier weeks are removed)
#
# Hashes come from edgeboot's record if a file's inode, size, and times have not changed since it was
# written: hashing hundreds of megabytes on an SD card takes minutes.
# uses: init guard processes examine
set -u
ours=/var/lib/edgeboot
lock=${1%%:*} runs=${1#*:} holder=$2
run=${runs%%,*}
newline='
'
shift 2

take_lock() {
    tries=0
    while [ "$tries" -lt 5 ]; do
        tries=$((tries + 1))
        own_directory || exit 77
        exec 9>>"$ours/lock" || exit 73
        if ! flock -n 9 && ! take_over; then
            [ -s "$ours/lock" ] || sleep 1 # who has it may be about to write that
            printf 'locked-by %s\nlocked-run %s\n' "$(head -n 1 "$ours/lock")" \
                "$(sed -n '2s/ .*//p' "$ours/lock")"
            exit 75
        fi
        # The previous holder may have removed the file between our open and our lock.
        if [ "$(stat -L -c %i /proc/self/fd/9)" = "$(stat -c %i "$ours/lock" 2>/dev/null)" ]; then
            printf '%s\n%s %s\n' "$holder" "$run" "$$" >"$ours/lock"
            return
        fi
    done
    exit 73
}

take_over() {
    second=$(sed -n 2p "$ours/lock")
    case ,$runs, in *",${second%% *},"*) ;; *) return 1 ;; esac
    kill "${second#* }" 2>/dev/null
    for _ in 1 2 3 4 5; do
        if flock -n 9; then return 0; fi
        sleep 1
    done
    return 1
}

# A run that changed nothing leaves nothing: the directory is removed if it holds only the lock.
leave() {
    # shellcheck disable=SC2012  # names of ours only
    if [ "$(ls -A "$ours")" = lock ]; then rm -f "$ours/lock" && rmdir "$ours"; fi 2>/dev/null
}

hold_lock() {
    echo ready
    exec 1>&- 2>&-
    # Only this shell holds the lock: taking it over ends this shell, not the process it waits for.
    while beat=$(exec 9>&-; timeout 60 dd bs=1 count=1 2>/dev/null) && [ -n "$beat" ]; do :; done
    : >"$ours/lock"
    (leave) 9>&-
}

describe() { # PATH; sets $size
    if [ -L "$1" ] && [ ! -e "$1" ]; then
        printf 'file link 777 0:0 0 - %s\n' "$1"
        return
    fi
    [ -e "$1" ] || return 0
    path=$1
    # shellcheck disable=SC2046  # words without blanks
    set -- $(stat -L -c '%a %u:%g %s %i %Y %Z' "$path")
    size=$3
    if [ -d "$path" ]; then
        printf 'file directory %s %s 0 - %s\n' "$1" "$2" "$path"
    elif [ -f "$path" ]; then
        digest "$path" "$4 $3 $5 $6"
        printf 'file file %s %s %s %s %s\n' "$1" "$2" "$3" "$sum" "$path"
    else
        printf 'file other %s %s 0 - %s\n' "$1" "$2" "$path"
    fi
}

digest() { # PATH KEY: sets $sum
    sum=''
    if [ -s "$ours/hashes" ]; then
        sum=$(grep -F -e " $2 $1" "$ours/hashes")
        sum=${sum%%"$newline"*}
    fi
    if [ -z "$sum" ] || [ "$sum" != "${sum%% *} $2 $1" ]; then sum=$(sha256sum <"$1"); fi
    sum=${sum%% *}
}

seen() { # PATH
    if [ -f "$1" ]; then printf 'file file %s - %s\n' "$(stat -L -c '%a %u:%g %s' "$1")" "$1"; fi
}

text() { # PATH
    describe "$1"
    if [ -f "$1" ] && [ "$size" -le 65536 ]; then
        printf 'content %s %s\n' "$(base64 <"$1" | tr -d '\n')" "$1"
    fi
}

tree() { # PATH; dotfiles are nobody's business
    for entry in "$1"/*; do
        if [ -d "$entry" ]; then tree "$entry"; elif [ -f "$entry" ]; then describe "$entry"; fi
    done
}

parts() { # PATH
    for part in "$1"/.edgeboot-*.part; do
        [ -f "$part" ] || continue
        if [ "$lock" = hold ] && [ "$(($(date +%s) - $(stat -c %Y "$part")))" -gt 1209600 ]; then
            rm -f "$part"
            continue
        fi
        sum=$(sha256sum <"$part") && printf 'part %s %s %s\n' "$(stat -c %s "$part")" "${sum%% *}" "$part"
    done
}

unit() { # NAME
    active=$(service_active "$1") enabled=no
    if service_enabled "$1"; then enabled=yes; fi
    started=$(cat "$ours/started-$1" 2>/dev/null)
    printf 'unit %s %s %s %s\n' "$1" "${active:-inactive}" "$enabled" "${started:--}"
}

trait() { printf 'trait %s %s\n' "$1" "$2"; }

traits() {
    model=/sys/firmware/devicetree/base/model
    trait machine "$(uname -m)"
    # shellcheck disable=SC1091
    trait os "$(. /etc/os-release 2>/dev/null; printf '%s %s' "${ID:-unknown}" "${VERSION_ID:-}")"
    # shellcheck disable=SC2154  # set by init.sh
    trait init "$init"
    if [ -d /etc/logrotate.d ]; then trait logrotate yes; else trait logrotate no; fi
    if [ -e /sys/fs/cgroup/cgroup.controllers ]; then
        trait cgroup-version 2
        trait cgroup-controllers "$(cat /sys/fs/cgroup/cgroup.controllers)"
    else
        trait cgroup-version 1
        trait cgroup-controllers "$(sed -n 's/^\([a-z_]*\).*[[:space:]]1$/\1/p' /proc/cgroups | tr '\n' ' ')"
    fi
    trait memory-kib "$(memory_kib)"
    trait cpus "$(nproc)"
    trait hostname "$(uname -n)"
    trait machine-id "$(cat /etc/machine-id 2>/dev/null)"
    # With the boot's ID this names one running system, however it is reached.
    trait network-namespace "$(readlink /proc/self/ns/net 2>/dev/null)"
    trait ssh-host-key "$(ssh_host_key)"
    trait clock "$(date +%s)"
    if has_default_route; then trait default-route yes; else trait default-route no; fi
    trait board "$(if [ -r "$model" ]; then tr -d '\000' <"$model"; fi)"
    trait kernel "$(uname -r)"
    trait has "$(has | tr '\n' ' ')"
    trait wifi "$(wifi | tr '\n' ' ')"
    trait k3s-version "$(k3s_version)"
}

ssh_host_key() { # the public key's type and value
    for kind in ed25519 ecdsa rsa; do
        { read -r algorithm key _ <"/etc/ssh/ssh_host_${kind}_key.pub"; } 2>/dev/null || continue
        printf '%s %s' "$algorithm" "$key"
        return
    done
}

has() { # what decides how something is set up
    for program in iw dpkg rpm; do command -v "$program" >/dev/null 2>&1 && echo "$program"; done
    [ -d /etc/NetworkManager/conf.d ] && echo network-manager
    for directory in /etc/chrony/conf.d /etc/chrony.d; do
        if grep -qsx "confdir[[:space:]]*$directory" /etc/chrony/chrony.conf /etc/chrony.conf; then
            if [ "$directory" = /etc/chrony.d ]; then echo chrony.d; else echo chrony; fi
        fi
    done
    for file in /lib/systemd/systemd-timesyncd /usr/lib/systemd/systemd-timesyncd; do
        if [ -x "$file" ]; then echo timesyncd; break; fi
    done
    grep -qsx 'ENABLED=yes' /etc/ufw/ufw.conf && echo ufw
    grep -qsx firewalld /proc/[0-9]*/comm && echo firewalld
    return 0
}

wifi() {
    for interface in /sys/class/net/*/wireless; do
        [ -e "$interface" ] || continue
        interface=${interface%/wireless}
        echo "${interface##*/}"
    done
}

has_default_route() { # kernels without IPv6 lack the second file
    grep -q '^[^[:space:]]*[[:space:]]00000000[[:space:]]' /proc/net/route 2>/dev/null ||
        grep -v ' lo$' /proc/net/ipv6_route 2>/dev/null | grep -q '^0\{32\} 00 '
}

# The machine's memory, or its container's limit.
memory_kib() {
    total=$(sed -n 's/^MemTotal: *\([0-9]*\).*/\1/p' /proc/meminfo)
    for file in /sys/fs/cgroup/memory/memory.limit_in_bytes /sys/fs/cgroup/memory.max; do
        limit=$(cat "$file" 2>/dev/null) || continue
        case $limit in '' | *[!0-9]*) continue ;; esac
        # Unlimited is a number of 19 digits, which a shell may not be able to compare.
        if [ "${#limit}" -lt 16 ] && [ "$((limit / 1024))" -lt "$total" ]; then total=$((limit / 1024)); fi
    done
    printf '%s' "$total"
}

k3s_version() {
    [ -x /usr/local/bin/k3s ] || return 0
    timeout 20 /usr/local/bin/k3s --version 2>/dev/null | sed -n '1s/^k3s version \([^ ]*\).*/\1/p'
}

listeners() { # listening TCP sockets (state 0A) on K3s's ports, and whose they are
    sockets=''
    while read -r _ address _ state _ _ _ _ _ inode _; do
        [ "$state" = 0A ] || continue
        port=$((0x${address##*:}))
        case $port in
        80 | 443 | 2379 | 2380 | 5001 | 6443 | 6444 | 10248 | 10249 | 10250 | 10256 | 10257 | 10258 | 10259 | 10010)
            sockets="$sockets $port:$inode" ;;
        esac
    done <<EOF
$(cat /proc/net/tcp /proc/net/tcp6 2>/dev/null | grep ' 0A ')
EOF
    [ -n "$sockets" ] || return 0
    inodes=''
    for socket in $sockets; do inodes="$inodes|${socket#*:}"; done
    owners=$(open_by "socket:\\[(${inodes#|})\\]")
    for socket in $sockets; do
        program_of "socket:[${socket#*:}]"
        printf 'listen %s %s\n' "${socket%%:*}" "$program"
    done
}

program_of() { # TARGET, with $owners set: sets $program to the first process that has it open
    while read -r target pid; do
        [ "$target" = "$1" ] || continue
        read -r program 2>/dev/null <"/proc/$pid/comm" && return
    done <<EOF
$owners
EOF
    program=unknown
}

look() { # TARGET...
    traits
    examine /usr/local/bin /etc/rancher /etc/systemd/system /var/lib/rancher/k3s "$ours" /var/lib/kubelet
    listeners
    if [ -r "$ours/owned" ]; then sed 's/^/owned /' "$ours/owned"; fi
    for record in "$ours"/done-*; do
        case $record in
        *'*' | *.new) ;;
        *) printf 'done %s %s\n' "${record#"$ours"/done-}" "$(cat "$record")" ;;
        esac
    done
    if [ -r /var/lib/rancher/k3s/server/node-token ]; then
        printf 'node-token %s\n' "$(base64 </var/lib/rancher/k3s/server/node-token | tr -d '\n')"
    fi
    if [ -r /etc/rancher/k3s/k3s.yaml ]; then
        printf 'kubeconfig %s\n' "$(base64 </etc/rancher/k3s/k3s.yaml | tr -d '\n')"
    fi
    for target in "$@"; do
        case $target in
        file:*) describe "${target#file:}" ;;
        text:*) text "${target#text:}" ;;
        seen:*) seen "${target#seen:}" ;;
        tree:*) tree "${target#tree:}" ;;
        unit:*) unit "${target#unit:}" ;;
        place:*) filesystem "${target#place:}" ;;
        parts:*) parts "${target#parts:}" ;;
        esac
    done
    echo end
}

if [ "$lock" = hold ]; then take_lock; fi
# Only this shell has the lock: whatever it starts may outlive it, and would keep the lock then.
(look "$@") 9>&-
if [ "$lock" = hold ]; then hold_lock; fi
