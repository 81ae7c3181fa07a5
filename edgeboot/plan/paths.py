"""Where things are on a node. Source: K3s's documentation and its install.sh."""

from __future__ import annotations

K3S_BINARY = "/usr/local/bin/k3s"
CONFIG_DIR = "/etc/rancher/k3s"
CONFIG = f"{CONFIG_DIR}/config.yaml"
KUBECONFIG = f"{CONFIG_DIR}/k3s.yaml"
TOKEN = f"{CONFIG_DIR}/edgeboot-token"
AGENT_TOKEN = f"{CONFIG_DIR}/edgeboot-agent-token"  # what agents show; on servers
MODULES = "/etc/modules-load.d/edgeboot.conf"

REGISTRIES = f"{CONFIG_DIR}/registries.yaml"
COMPONENTS = f"{CONFIG_DIR}/edgeboot"  # what the configuration of components points to
SYSCTL = "/etc/sysctl.d/90-edgeboot.conf"

DATA = "/var/lib/rancher/k3s"
SERVER = f"{DATA}/server"
AGENT = f"{DATA}/agent"
SERVER_CA = f"{AGENT}/server-ca.crt"  # of the cluster that an agent has joined
IMAGES = f"{AGENT}/images"
IMAGES_CACHE = f"{IMAGES}/.cache.json"
MANIFESTS = f"{SERVER}/manifests"
STATIC = f"{SERVER}/static"
CHARTS = f"{STATIC}/charts"
ETCD = f"{SERVER}/db/etcd"
ETCD_DATA = f"{ETCD}/member"  # there as soon as the server is, or is becoming, a member
TOMBSTONE = f"{ETCD}/tombstone"  # the member was removed from its cluster
DATABASE = f"{SERVER}/db/state.db"  # SQLite
CONTAINERD = f"{AGENT}/etc/containerd"
# Where settings for containerd go: K3s from v1.36, from v1.31.6 and v1.32.2, before (config v2).
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

OURS = "/var/lib/edgeboot"  # record of what edgeboot put where, lock
FLANNEL = f"{OURS}/flannel-backend"  # which one the host was last booted with
COREDNS = f"{OURS}/coredns-replicas"  # how many were asked for
BUNDLE = f"{OURS}/bundle.json"  # which bundle the host was installed from
FORMER_TOKENS = f"{OURS}/former-server-tokens"  # passwords, of snapshots from before; on one server
NODE_RECORD = f"{OURS}/node.json"  # what edgeboot has set on its Node object

CLOCK = f"{OURS}/clock.sh"
FIREWALL = f"{OURS}/firewall"

# What edgeboot sets up on a host below K3s; removed where nothing asks for it any more.
JOURNALD = "/etc/systemd/journald.conf.d/edgeboot.conf"
TIMESYNCD = "/etc/systemd/timesyncd.conf.d/edgeboot.conf"
CHRONY = "/etc/chrony/conf.d/edgeboot.conf"
CHRONY_RHEL = "/etc/chrony.d/edgeboot.conf"
SWAP_SCRIPT = f"{OURS}/swap.sh"
SWAP_UNIT = f"{UNIT_DIR}/edgeboot-swap.service"
SWAP_INIT = "/etc/init.d/edgeboot-swap"
NETWORK_MANAGER = "/etc/NetworkManager/conf.d/edgeboot-wifi.conf"
UDEV_WIFI = "/etc/udev/rules.d/70-edgeboot-wifi.rules"
# Not removed by itself: K3s's data lie behind it.
MOUNT = f"{UNIT_DIR}/var-lib-rancher-k3s.mount"
HOST_FILES = (
    *(CLOCK, FIREWALL, JOURNALD, TIMESYNCD, CHRONY, CHRONY_RHEL),
    *(SWAP_SCRIPT, SWAP_UNIT, SWAP_INIT, NETWORK_MANAGER, UDEV_WIFI),
)


def unit_file(service: str) -> str:
    """The systemd unit file of a service."""
    return f"{UNIT_DIR}/{service}.service"


def environment_file(init: str, service: str) -> str:
    """What a service finds in its environment; where K3s's own installer puts it."""
    return f"{CONFIG_DIR}/{service}.env" if init == "openrc" else f"{unit_file(service)}.env"


def init_script(service: str) -> str:
    """The OpenRC script of a service."""
    return f"/etc/init.d/{service}"


def logrotate(service: str) -> str:
    """How logrotate is told of a service's log, on hosts without a journal."""
    return f"/etc/logrotate.d/{service}"


def stage_of(path: str, sha256: str) -> str:
    """Where ``put.sh`` collects what is to become ``path``."""
    directory, _, name = path.rpartition("/")
    return f"{directory}/.edgeboot-{name}.{sha256}.part"
