# What preflight checks on a host, one "condition" line each: functions for observe.sh, read only.
# An unknown fact has no line.

condition() { printf 'condition %s\n' "$*"; }

examine() { # PATH...: directories whose file systems matter
    condition boot-id "$(cat /proc/sys/kernel/random/boot_id)"
    condition kernel-parameters "$(cat /proc/cmdline)"
    userland
    disabled_controllers
    kernel_modules
    inotify
    for directory in "$@"; do filesystem "$directory"; done
    nameservers /etc/resolv.conf
    nameservers /run/systemd/resolve/resolv.conf
    networks
    sed -n '1!s/^\([^[:space:]]*\).*/condition swap \1/p' /proc/swaps 2>/dev/null
    firewalls
    programs
    remains
    boot_file
    board
    selinux
    addresses
    power_save
}

userland() {
    # The fifth byte of an ELF file: 1 for 32 bits, 2 for 64.
    case $(od -An -tu1 -j4 -N1 /bin/sh 2>/dev/null | tr -d ' ') in
    1) condition userland-bits 32 ;;
    2) condition userland-bits 64 ;;
    esac
    page=$(sed -n '/^KernelPageSize:/{s/[^0-9]//g;p;q;}' /proc/self/smaps 2>/dev/null)
    [ -n "$page" ] && condition page-size "$((page * 1024))"
}

disabled_controllers() { # where a bootloader is told to switch off what the kubelet needs
    grep -q cgroup_disable= /proc/cmdline || return 0
    for file in /boot/firmware/cmdline.txt /boot/cmdline.txt /etc/default/grub /etc/default/grub.d/*.cfg \
        /etc/kernel/cmdline /boot/armbianEnv.txt /boot/extlinux/extlinux.conf /etc/update-extlinux.conf \
        /boot/loader/entries/*.conf; do
        if grep -qs cgroup_disable= "$file"; then condition disabled-in "$file"; fi
    done
}

inotify() { # how many instances a user may have, and how many root has
    most=$(cat /proc/sys/fs/inotify/max_user_instances 2>/dev/null) || return 0
    condition inotify "$most" "$(open_by anon_inode:inotify | wc -l)"
}

kernel_modules() {
    release=/lib/modules/$(uname -r)
    [ -e /proc/config.gz ] && config=$(zcat /proc/config.gz 2>/dev/null | grep '=y$')
    [ -z "${config:-}" ] && config=$(grep '=y$' "/boot/config-$(uname -r)" 2>/dev/null)
    for pair in overlay:OVERLAY_FS br_netfilter:BRIDGE_NETFILTER nf_conntrack:NF_CONNTRACK \
        vxlan:VXLAN wireguard:WIREGUARD iptable_nat:IP_NF_NAT nft_chain_nat:NFT_NAT zram:ZRAM; do
        condition module "${pair%%:*}" "$(kernel_module "${pair%%:*}" "${pair#*:}")"
    done
}

kernel_module() { # NAME OPTION
    if [ -d "/sys/module/$1" ]; then echo loaded
    elif printf '%s\n' "$config" | grep -qx "CONFIG_$2=y"; then echo builtin
    elif grep -q "/$1\\.ko" "$release/modules.builtin" 2>/dev/null; then echo builtin
    elif modprobe -n -q "$1" 2>/dev/null; then echo loadable
    elif [ -n "$config" ] || [ -e "$release/modules.builtin" ]; then echo missing
    else echo unknown; fi
}

filesystem() { # PATH: of the nearest directory that exists
    at=$1
    while [ ! -d "$at" ]; do at=${at%/*}; at=${at:-/}; done
    device=$(stat -c %d "$at") size=$(stat -f -c %S "$at")
    # root passes every permission check, so only a read-only file system is not writable.
    if [ -w "$at" ]; then access=rw; else access=ro; fi
    total=$(($(stat -f -c %b "$at") * size / 1024)) left=$(($(stat -f -c %a "$at") * size / 1024))
    condition filesystem "$device" "$total" "$left" "$access" "$(medium "$device")" "$1"
    mount_options "$1" "$(cd -P "$at" && pwd -P)"
}

# Only of mounts that forbid something. Of those that lead to a path the longest counts, and of those
# the last: it hides the others.
mount_options() { # PATH REAL
    asked=$1 at=$2 point='' flags=''
    set -- -e ' / '
    while [ -n "${at#/}" ]; do
        set -- "$@" -e " $at "
        at=${at%/*}
    done
    while read -r _ found _ options _; do
        if [ "${#found}" -ge "${#point}" ]; then point=$found flags=$options; fi
    done <<EOF
$(grep -F "$@" /proc/mounts)
EOF
    case ,$flags, in *,noexec,* | *,nosuid,*) condition mount "$flags" "$point" "$asked" ;; esac
}

medium() { # DEVICE NUMBER, as stat(2) packs it
    major=$((($1 >> 8) & 4095)) minor=$((($1 & 255) | (($1 >> 12) & 1048320)))
    disk=$(readlink -f "/sys/dev/block/$major:$minor" 2>/dev/null)
    [ -e "$disk/queue/rotational" ] || disk=${disk%/*}
    case ${disk##*/} in
    mmcblk*) if [ "$(cat "$disk/device/type" 2>/dev/null)" = SD ]; then echo sd-card; else echo emmc; fi ;;
    vd* | xvd*) echo unknown ;; # virtual ones say "rotating" whatever is below them
    *) case $(cat "$disk/queue/rotational" 2>/dev/null) in
        0) echo ssd ;;
        1) echo rotating ;;
        *) echo unknown ;;
        esac ;;
    esac
}

nameservers() { # FILE
    [ -r "$1" ] || return 0
    condition resolver "$1" "$(sed -n 's/^nameserver[[:space:]]*\([^[:space:]]*\).*/\1/p' "$1" | tr '\n' ' ')"
}

networks() { # those without a router before them
    while read -r _ target router _ _ _ _ mask _; do
        case $router-$mask in
        00000000-00000000 | 00000000-Mask | Gateway-*) ;;
        00000000-*) condition network "$target" "$mask" ;;
        esac
    done </proc/net/route
}

firewalls() {
    iptables=$(iptables --version 2>/dev/null) && condition iptables "${iptables#iptables }"
    grep -qsx 'ENABLED=yes' /etc/ufw/ufw.conf && condition firewall ufw
    # Asking an old iptables would load its modules; where they are loaded it changes nothing.
    case $iptables in *nf_tables*) ask=yes ;; *) ask=$(grep -sx filter /proc/net/ip_tables_names) ;; esac
    if [ -n "$ask" ] && iptables -S INPUT 2>/dev/null | grep -q '^-P INPUT DROP'; then
        condition firewall iptables
    fi
    if command -v nft >/dev/null 2>&1 && nft list chains 2>/dev/null | grep -q 'hook input.*policy drop'; then
        condition firewall nftables
    fi
}

programs() { # that want what K3s wants, K3s's own excepted
    for comm in /proc/[0-9]*/comm; do
        read -r name 2>/dev/null <"$comm" || continue
        case $name in
        dockerd | kubelet | containerd | crio | kubelite | firewalld)
            case $(readlink "${comm%comm}exe" 2>/dev/null) in
            /var/lib/rancher/*) ;;
            *) condition program "$name" ;;
            esac ;;
        esac
    done
}

remains() { # of other installations
    for path in /usr/local/bin/k3s-uninstall.sh /usr/local/bin/k3s-agent-uninstall.sh \
        /var/lib/rancher/k3s/server/db /var/lib/rancher/rke2 /etc/kubernetes/kubelet.conf; do
        if [ -e "$path" ]; then condition remains "$path"; fi
    done
}

boot_file() { # Raspberry Pi's kernel command line; the first that exists is the one that is read
    for path in /boot/firmware/cmdline.txt /boot/cmdline.txt; do
        [ -f "$path" ] || continue
        condition boot-file "$path" "$(base64 <"$path" | tr -d '\n')"
        return
    done
}

selinux() {
    case $(cat /sys/fs/selinux/enforce 2>/dev/null) in
    1) condition selinux enforcing ;;
    0) condition selinux permissive ;;
    *) return 0 ;;
    esac
    if rpm -q k3s-selinux >/dev/null 2>&1; then condition selinux-policy; fi
}

addresses() { # that others can reach, without those of pods
    command -v ip >/dev/null 2>&1 || return 0
    ip -o addr show 2>/dev/null |
        sed -n 's/^[0-9]*: *\([^ ]*\) .*inet6\{0,1\} \([^ /]*\).* scope global.*/\2 \1/p' |
        while read -r address interface; do
            case $interface in
            cni* | flannel* | veth* | docker* | br-* | virbr* | kube-* | tailscale* | wg*) ;;
            *) condition address "$address" "$interface" ;;
            esac
        done
}

power_save() {
    command -v iw >/dev/null 2>&1 || return 0
    for interface in /sys/class/net/*/wireless; do
        interface=${interface%/wireless} interface=${interface##*/}
        case $(iw dev "$interface" get power_save 2>/dev/null) in
        *on) condition power-save "$interface" ;;
        esac
    done
}

board() {
    throttled=$(cat /sys/devices/platform/soc/soc:firmware/get_throttled 2>/dev/null) &&
        condition throttled "$throttled"
    for zone in /sys/class/thermal/thermal_zone*/temp; do
        heat=$(cat "$zone" 2>/dev/null) && condition temperature "$heat"
    done
    return 0
}
