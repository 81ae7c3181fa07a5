# What a host is like, one thing a line, each with its section: what a reset must restore.
# Run as root inside a lab host, which has Debian's tools.
set -u
section() { sed "s|^|$1 |"; }

tree() { # every file with kind, mode, owner, size of regular files, target of links
    find "$@" -xdev \( -type f -printf '%p %y %m %U:%G %s\n' -o -printf '%p %y %m %U:%G %l\n' \) 2>/dev/null
}
tree / /run /var/lib/rancher /var/lib/edgeboot | LC_ALL=C sort -u | section file
find /etc /usr/local /root /home /var/lib -xdev -type f -exec sha256sum {} + 2>/dev/null |
    sed 's/^\([0-9a-f]*\)  \(.*\)/\2 \1/' | LC_ALL=C sort | section hash
sort </proc/mounts | section mount
sed -n 's/^ *\([^ ]*\):.*/\1/p' /proc/net/dev | section link
ip route show | sed 's/ *$//' | section route
for tool in iptables ip6tables; do
    # Chains and rules; tables that came to be empty are the same as none.
    "$tool-save" 2>/dev/null | grep -E '^-A|^:[^ ]+ -' | sed 's/\[.*//' | section "$tool"
done
if command -v systemctl >/dev/null; then
    systemctl list-unit-files --state=enabled --no-legend | section unit
    systemctl list-units --failed --plain --no-legend | section failed
else
    rc-status --all 2>/dev/null | grep -v ' Caching ' | sed 's/ *\[.*//' | section unit
fi
for key in net/ipv4/ip_forward net/ipv4/conf/all/forwarding net/ipv6/conf/all/forwarding \
    net/bridge/bridge-nf-call-iptables net/bridge/bridge-nf-call-ip6tables \
    net/netfilter/nf_conntrack_max net/netfilter/nf_conntrack_tcp_timeout_established \
    net/netfilter/nf_conntrack_tcp_timeout_close_wait net/ipv4/conf/all/route_localnet \
    vm/overcommit_memory vm/panic_on_oom kernel/panic kernel/panic_on_oops; do
    printf '%s %s\n' "$key" "$(cat "/proc/sys/$key" 2>/dev/null)"
done | section sysctl
# Not in a pipe, or its other end would be among them.
processes=$(for process in /proc/[0-9]*; do readlink "$process/exe"; done)
printf '%s\n' "$processes" | section process
