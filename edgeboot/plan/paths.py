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
NODE_TOKEN = f"{SERVER}/node-token"

UNIT_DIR = "/etc/systemd/system"

OURS = "/var/lib/edgeboot"  # record of what edgeboot put where, lock
FLANNEL = f"{OURS}/flannel-backend"  # which one the host was last booted with
COREDNS = f"{OURS}/coredns-replicas"  # how many were asked for
BUNDLE = f"{OURS}/bundle.json"  # which bundle the host was installed from
NODE_RECORD = f"{OURS}/node.json"  # what edgeboot has set on its Node object


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
