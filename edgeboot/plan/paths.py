"""Paths on a node. Source: K3s's documentation and its install.sh."""

from __future__ import annotations

K3S_BINARY = "/usr/local/bin/k3s"
CONFIG_DIR = "/etc/rancher/k3s"
CONFIG = f"{CONFIG_DIR}/config.yaml"
KUBECONFIG = f"{CONFIG_DIR}/k3s.yaml"
TOKEN = f"{CONFIG_DIR}/edgeboot-token"
AGENT_TOKEN = f"{CONFIG_DIR}/edgeboot-agent-token"  # the agents' password; on servers
MODULES = "/etc/modules-load.d/edgeboot.conf"

REGISTRIES = f"{CONFIG_DIR}/registries.yaml"
COMPONENTS = f"{CONFIG_DIR}/edgeboot"  # files that the configuration of components refers to
SYSCTL = "/etc/sysctl.d/90-edgeboot.conf"
INOTIFY = "/etc/sysctl.d/90-edgeboot-inotify.conf"

DATA = "/var/lib/rancher/k3s"
SERVER = f"{DATA}/server"
AGENT = f"{DATA}/agent"
SERVER_CA = f"{AGENT}/server-ca.crt"  # CA of the cluster that an agent joined
IMAGES = f"{AGENT}/images"
IMAGES_CACHE = f"{IMAGES}/.cache.json"
MANIFESTS = f"{SERVER}/manifests"
STATIC = f"{SERVER}/static"
CHARTS = f"{STATIC}/charts"
ETCD = f"{SERVER}/db/etcd"
ETCD_DATA = f"{ETCD}/member"  # exists once the server is, or is becoming, a member
TOMBSTONE = f"{ETCD}/tombstone"  # the member was removed from its cluster
DATABASE = f"{SERVER}/db/state.db"  # SQLite
CONTAINERD = f"{AGENT}/etc/containerd"
# containerd's settings: for K3s from v1.36; from v1.31.6 and v1.32.2; and before (config v2).
CONTAINERD_FILES = (
    "config-v3.toml.d/50-edgeboot.toml",
    "config-v3.toml.tmpl",
    "config.toml.tmpl",
)
AUDIT_LOGS = f"{SERVER}/logs"
PASSWORDS = f"{SERVER}/cred/passwd"  # of the users "server" and "node"
NODE_TOKEN = f"{SERVER}/node-token"

KUBELET_DIR = f"{AGENT}/etc/kubelet.conf.d"
KUBELET_PROFILES = f"{KUBELET_DIR}/60-edgeboot-profiles.conf"

UNIT_DIR = "/etc/systemd/system"

OURS = "/var/lib/edgeboot"  # edgeboot's records and lock
FLANNEL = f"{OURS}/flannel-backend"  # the backend at the last boot
COREDNS = f"{OURS}/coredns-replicas"  # the number that was set
BUNDLE = f"{OURS}/bundle.json"  # the bundle that the host was installed from
FORMER_TOKENS = f"{OURS}/former-server-tokens"  # passwords of earlier snapshots; on one server
CLUSTER_NAME = f"{OURS}/cluster"  # the name of the cluster that the host was installed for
NODE_RECORD = f"{OURS}/node.json"  # labels and taints that edgeboot set on its Node object

CLOCK = f"{OURS}/clock.sh"
FIREWALL = f"{OURS}/firewall"

# Files below K3s; removed when no longer wanted.
JOURNALD = "/etc/systemd/journald.conf.d/edgeboot.conf"
TIMESYNCD = "/etc/systemd/timesyncd.conf.d/edgeboot.conf"
CHRONY = "/etc/chrony/conf.d/edgeboot.conf"
CHRONY_RHEL = "/etc/chrony.d/edgeboot.conf"
SWAP_SCRIPT = f"{OURS}/swap.sh"
SWAP_UNIT = f"{UNIT_DIR}/edgeboot-swap.service"
SWAP_INIT = "/etc/init.d/edgeboot-swap"
NETWORK_MANAGER = "/etc/NetworkManager/conf.d/edgeboot-wifi.conf"
UDEV_WIFI = "/etc/udev/rules.d/70-edgeboot-wifi.rules"
# Never removed automatically: it holds K3s's data.
MOUNT = f"{UNIT_DIR}/var-lib-rancher-k3s.mount"
HOST_FILES = (
    *(CLOCK, FIREWALL, JOURNALD, TIMESYNCD, CHRONY, CHRONY_RHEL),
    *(SWAP_SCRIPT, SWAP_UNIT, SWAP_INIT, NETWORK_MANAGER, UDEV_WIFI),
)


def unit_file(service: str) -> str:
    """The systemd unit file of a service."""
    return f"{UNIT_DIR}/{service}.service"


def environment_file(init: str, service: str) -> str:
    """The environment file of a service, where K3s's own installer puts it."""
    return f"{CONFIG_DIR}/{service}.env" if init == "openrc" else f"{unit_file(service)}.env"


def init_script(service: str) -> str:
    """The OpenRC script of a service."""
    return f"/etc/init.d/{service}"


def logrotate(service: str) -> str:
    """The logrotate configuration for a service's log, on hosts without a journal."""
    return f"/etc/logrotate.d/{service}"


def stage_of(path: str, sha256: str) -> str:
    """Where ``put.sh`` stages the content of ``path``."""
    directory, _, name = path.rpartition("/")
    return f"{directory}/.edgeboot-{name}.{sha256}.part"
