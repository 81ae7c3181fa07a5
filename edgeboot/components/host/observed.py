"""What a host is asked about because the inventory names it: its own files, and its data disk."""

from __future__ import annotations

from collections.abc import Mapping

from edgeboot.inventory.model import Cluster, Node


def targets_of(cluster: Cluster) -> Mapping[str, tuple[str, ...]]:
    """Additional targets for ``observe.sh``, by node."""
    return {node.name: tuple(_targets(node)) for node in cluster.nodes}


def _targets(node: Node) -> list[str]:
    found = []
    for file in node.host.files:
        found.append(f"{'file' if file.secret else 'text'}:{file.dest}")
        found.append(f"file:{file.dest.rpartition('/')[0] or '/'}")
    if node.host.storage:
        found += ["place:/", f"place:{node.host.storage}"]
    return found
