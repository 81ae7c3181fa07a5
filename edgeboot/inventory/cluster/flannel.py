"""``flannel``: the network between pods on different nodes.

Source: K3s docs/networking/basic-network-options, pkg/agent/flannel/setup.go.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from edgeboot.errors import BadInput
from edgeboot.inventory.k3s_keys import KEYS as K3S_KEYS
from edgeboot.yaml.section import Section, Values, optional
from edgeboot.yaml.types import Choice, Integer, Text

BACKENDS = K3S_KEYS["flannel-backend"].choices
_IFACE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,14}")  # IFNAMSIZ


@dataclass(frozen=True)
class Flannel:
    """``mtu`` is the size of a packet between two nodes, before flannel's own headers."""

    backend: str | None = None
    iface: str | None = None
    mtu: int | None = None


def _interface(text: str) -> str:
    if _IFACE.fullmatch(text):
        return text
    raise ValueError("use the name of a network interface, for example eth0")


BACKEND = optional(
    "backend",
    Choice(BACKENDS, "backend"),
    "How packets travel between nodes; vxlan by default. none: bring your own network.",
)
IFACE = optional("iface", Text(_interface, "interface"), "The network interface between the nodes.")
MTU = optional(
    "mtu",
    Integer(1280, 9216, "MTU"),  # IPv6's least; jumbo frames
    "Size of a packet between two nodes; flannel's own headers are subtracted.",
)


def _effective(values: Values) -> Iterator[BadInput]:
    for key in (IFACE, MTU):
        if values[BACKEND] == "none" and values.has(key):
            yield values.error(key, f"'{key.name}' has no effect without flannel", "remove it")
    if values[BACKEND] == "host-gw" and values.has(MTU):
        what = "'mtu' has no effect with host-gw, which adds no headers"
        yield values.error(MTU, what, "remove it, and set the MTU of the interface")


SECTION = Section(
    (BACKEND, IFACE, MTU),
    lambda v: Flannel(v[BACKEND], v[IFACE], v[MTU]),
    title="{key}",
    rules=(_effective,),
)
