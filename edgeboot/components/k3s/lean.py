"""``lean``: K3s on boards with 512 MB.

Limits on the Go runtime decide whether such a board can be a server: with them K3s was Ready in
512 MiB and its API answered, without them it thrashed (figures in docs/hosts.md). All amounts are
shares of the host's memory.
"""

from __future__ import annotations

from collections.abc import Mapping

from edgeboot.components.context import Context
from edgeboot.inventory.model import Cluster, Node, Role

PROFILE = "lean"
# Packaged components that a small board does not need; CoreDNS and local-storage stay.
LEFT_OUT = ("metrics-server", "servicelb", "traefik")

_MIB = 1 << 20
_SERVER_SHARE, _AGENT_SHARE = 0.59, 0.25  # of the memory, for the Go heap of each K3s process
_SERVER_RESERVED, _AGENT_RESERVED = 0.62, 0.4  # of the memory, for K3s and containerd
_SYSTEM_RESERVED = 40 * _MIB
_EVICTION_SHARE = 0.05


def variables(context: Context) -> Mapping[str, str]:
    """The environment of K3s, which containerd and its shims inherit."""
    if PROFILE not in context.node.profiles:
        return {}
    share = _SERVER_SHARE if context.node.role is Role.SERVER else _AGENT_SHARE
    # The collector runs after 40 % growth instead of 100 %, and more often near the limit.
    return {"GOGC": "40", "GOMEMLIMIT": f"{_share(context, share, least=100, step=10)}MiB"}


def left_out(cluster: Cluster) -> tuple[str, ...]:
    """The default of ``disable`` if the inventory does not set it; all servers must agree on it."""
    if not any(map(is_lean, cluster.every_server)):
        return ()
    traefik = cluster.components.traefik
    # "traefik: false" becomes "disable", and says nothing about the other components.
    follows = () if traefik.enabled else ("traefik",)
    written = cluster.config.get("disable", follows) != follows
    if written or any("disable" in server.config for server in cluster.every_server):
        return ()
    needed: set[str] = set()
    if traefik.given:
        needed = {"traefik", *({"servicelb"} if traefik.expose == "load-balancer" else ())}
    return tuple(name for name in LEFT_OUT if name not in needed)


def kubelet_settings(context: Context) -> dict[str, object]:
    """Memory reserved from pods, and when to evict pods before the kernel kills processes."""
    reserved = _SERVER_RESERVED if context.node.role is Role.SERVER else _AGENT_RESERVED
    evict = f"{_share(context, _EVICTION_SHARE, least=20)}Mi"
    return {
        "kubeReserved": {"memory": f"{_share(context, reserved)}Mi"},
        "systemReserved": {"memory": f"{_SYSTEM_RESERVED // _MIB}Mi"},
        # The other two are K3s's defaults, which this object would otherwise drop.
        "evictionHard": {
            "memory.available": evict,
            "imagefs.available": "5%",
            "nodefs.available": "5%",
        },
    }


def _share(context: Context, share: float, least: int = 1, step: int = 1) -> int:
    """MiB of the host's memory, rounded down to whole steps."""
    amount = int(context.traits.memory * share) // _MIB
    return max(amount // step * step, least)


def is_lean(node: Node) -> bool:
    """Whether a node has the profile."""
    return PROFILE in node.profiles
