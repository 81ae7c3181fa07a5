"""``flannel``: the network between pods on different nodes.

Source: K3s docs/networking/basic-network-options, pkg/agent/flannel/setup.go.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from edgeboot.inventory.cluster.base import TEXT, checked, closed, described, in_range, one_of
from edgeboot.inventory.k3s_keys import KEYS as K3S_KEYS
from edgeboot.yaml.reader import Reader

BACKENDS = K3S_KEYS["flannel-backend"].choices
KEYS = ("backend", "iface", "mtu")
_LEAST_MTU, _MOST_MTU = 1280, 9216  # IPv6's least; jumbo frames
_IFACE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,14}")  # IFNAMSIZ


@dataclass(frozen=True)
class Flannel:
    """``mtu`` is what a packet between two nodes may have, before flannel's own headers."""

    backend: str | None = None
    iface: str | None = None
    mtu: int | None = None


SCHEMA = closed(
    {
        "backend": described(
            {"enum": list(BACKENDS)},
            "How packets get from node to node; vxlan by default. none: bring your own network.",
        ),
        "iface": described(TEXT, "The network interface between the nodes, where it matters."),
        "mtu": described(
            {"type": "integer", "minimum": _LEAST_MTU, "maximum": _MOST_MTU},
            "What a packet between two nodes may have; flannel's own headers are subtracted.",
        ),
    }
)


def read(cluster: Reader, _base: Path) -> Flannel:
    """The section; BadInput with file:line."""
    reader = cluster.mapping("flannel").reader(KEYS, "'flannel'")
    backend = one_of(reader, "backend", BACKENDS, "vxlan") if reader.has("backend") else None
    iface = reader.text("iface", None)
    if iface is not None:
        checked(reader, "iface", iface, _interface)
    mtu = in_range(reader, "mtu", _LEAST_MTU, _MOST_MTU)
    for key, value in (("iface", iface), ("mtu", mtu)):
        if value is not None and backend == "none":
            raise reader.error(key, f"'{key}' says nothing without flannel", "remove it")
    if mtu is not None and backend == "host-gw":
        what = "host-gw adds no headers, so pods have the interface's own MTU"
        raise reader.error("mtu", what, "remove it, and set the MTU of the interface")
    return Flannel(backend, iface, mtu)


def _interface(text: str) -> str:
    if _IFACE.fullmatch(text):
        return text
    raise ValueError("write the name of a network interface, for instance eth0")
