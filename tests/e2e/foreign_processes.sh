# What is on a host before K3s and must be there after it: a rule, a program and a container shim of
# somebody else, and a disk for volumes.
set -eu
iptables -A INPUT -s 192.0.2.9 -j DROP
mkdir -p /opt/other /var/lib/rancher/k3s/storage
cp /bin/sleep /opt/other/containerd-shim-runc-v2
setsid /opt/other/containerd-shim-runc-v2 3000 </dev/null >/dev/null 2>&1 &
ln -s /opt/other/ctr /usr/local/bin/ctr
mount -t tmpfs disk /var/lib/rancher/k3s/storage
