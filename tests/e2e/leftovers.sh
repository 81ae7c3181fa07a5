# What a K3s with pods leaves on a host when its service has stopped, made by hand where the
# stand-in runs no pods. Run as root inside a lab host.
set -eu
data=/var/lib/rancher/k3s

for volume in 'pods/one/volumes/data' 'pods/one/volumes/with blank' plugins/csi; do
    mkdir -p "/var/lib/kubelet/$volume"
    mount -t tmpfs pod "/var/lib/kubelet/$volume"
done
mkdir -p /run/k3s/containerd/task/rootfs /var/lib/kubelet/pods/one/etc-hosts
mount -t tmpfs shm /run/k3s/containerd/task/rootfs
mount -t tmpfs twice /run/k3s/containerd/task/rootfs

mkdir -p /run/netns /run/flannel
touch /run/netns/cni-0001 /run/flannel/subnet.env
unshare --net=/run/netns/cni-0001 true
ip link add cni0 type bridge
ip link add vethpod type veth peer name podeth
ip link set vethpod master cni0
ip link set podeth netns cni-0001
ip link add flannel.1 type vxlan id 1 dstport 8472 dev eth0

for tool in iptables ip6tables; do
    $tool -t nat -N KUBE-SERVICES
    $tool -t nat -A PREROUTING -j KUBE-SERVICES
    $tool -t nat -N FLANNEL-POSTRTG
    $tool -t nat -A POSTROUTING -m comment --comment "flanneld masq" -j FLANNEL-POSTRTG
    $tool -N KUBE-ROUTER-INPUT
    $tool -A INPUT -j KUBE-ROUTER-INPUT
done
iptables -t nat -N CNI-1234
iptables -t nat -A POSTROUTING -j CNI-1234

# A shim whose parent has gone, and its pod.
mkdir -p "$data/data/0001/bin"
cp /bin/dash "$data/data/0001/bin/containerd-shim-runc-v2"
setsid "$data/data/0001/bin/containerd-shim-runc-v2" -c 'sleep 3000; :' </dev/null >/dev/null 2>&1 &

mkdir -p "$data/storage/pvc-0001_default_db" /var/lib/cni/networks /var/log/pods/one /var/log/containers
echo precious >"$data/storage/pvc-0001_default_db/table"
touch /var/lib/cni/networks/10.42.0.2 /var/log/pods/one/0.log
ln -s ../pods/one/0.log /var/log/containers/one.log
ln -s k3s /usr/local/bin/kubectl
