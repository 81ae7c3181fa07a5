"""The inventory of a lab, ready for ``edgeboot install``."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from edgeboot.lab.image import USER
from edgeboot.lab.state import LabRecord

_HEAD = """\
# Written by `edgeboot lab up`; the next `up` writes it anew. Copy it before you change it.
allow-unsigned: true  # bundles that nobody signed: this is a lab
cluster:
  name: {name}
"""

_CGROUP_V1 = """\
  config:
    # These hosts see cgroup v1; kubelets from 1.35 on refuse that unless told otherwise.
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


def inventory_text(
    record: LabRecord, key: Path, host_keys: Mapping[str, str], cgroup_version: int
) -> str:
    """The YAML of the lab.

    Names and keys need no escaping: they were generated or checked (``names``), and a state
    directory with quotes or backslashes in its path is refused.
    """
    nodes = (
        _NODE.format(
            name=node,
            address=record.address(node),
            role="server" if node.startswith("server-") else "agent",
            host_key=host_keys[node],
        )
        for node in record.nodes
    )
    head = _HEAD.format(name=record.name) + (_CGROUP_V1 if cgroup_version == 1 else "")
    return head + _DEFAULTS.format(user=USER, key=key) + "".join(nodes)
