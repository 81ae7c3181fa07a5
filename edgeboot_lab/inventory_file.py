"""The inventory of a lab, ready for ``edgeboot install``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address
from pathlib import Path

_HEAD = """\
# Written by `edgeboot lab up`; the next `up` overwrites it. Copy it before you change it.
allow-unsigned: true  # unsigned bundles are fine in a lab
cluster:
  name: {name}
"""

_CGROUP_V1 = """\
  config:
    # These hosts see cgroup v1; kubelets from 1.35 on refuse it by default.
    kubelet-arg: [fail-cgroupv1=false]
"""

_DEFAULTS = """\
defaults:
  ssh:
    user: {user}
    key: "{key}"
nodes:
"""

_NODE = """\
  - name: {name}
    address: {address}
    role: {role}
    ssh:
      host-key: "{host_key}"
"""

_KEY = """\
      key: "{key}"
"""

_INTERFACE = """\
    # The default route, by which K3s looks for its address, is on another interface.
    node-ip: {address}
    config: {{flannel-iface: {interface}}}
"""


@dataclass(frozen=True)
class HostEntry:
    """What the inventory says of one host.

    ``key`` is the file of the private key, ``host_key`` the pinned public key (``ssh-ed25519 …``);
    ``interface`` is the one that has ``address``, where K3s would not find it by itself.
    """

    name: str
    address: IPv4Address
    user: str
    key: Path
    host_key: str
    interface: str | None = None


def inventory_text(name: str, entries: Sequence[HostEntry], cgroup_version: int) -> str:
    """The YAML of the lab called ``name``; all hosts have the same user.

    Names and keys need no escaping: they were generated or checked (``names``), and a state
    directory with quotes or backslashes in its path is refused.
    """
    head = _HEAD.format(name=name) + (_CGROUP_V1 if cgroup_version == 1 else "")
    defaults = _DEFAULTS.format(user=entries[0].user, key=entries[0].key)
    return head + defaults + "".join(_node(entry, entries[0].key) for entry in entries)


def _node(entry: HostEntry, default_key: Path) -> str:
    node = _NODE.format(
        name=entry.name,
        address=entry.address,
        role="server" if entry.name.startswith("server-") else "agent",
        host_key=entry.host_key,
    )
    if entry.key != default_key:
        node += _KEY.format(key=entry.key)
    if entry.interface is not None:
        node += _INTERFACE.format(address=entry.address, interface=entry.interface)
    return node
