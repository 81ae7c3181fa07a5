"""The keys that components add to a node's ``config.yaml``."""

from __future__ import annotations

from collections.abc import Mapping

from edgeboot.components.k3s import flannel, hardening
from edgeboot.inventory.k3s_keys import applies_to
from edgeboot.inventory.model import Cluster, ConfigValue, Node


def with_components(
    config: Mapping[str, ConfigValue], cluster: Cluster, node: Node
) -> dict[str, ConfigValue]:
    """The node's keys with those of its components.

    The inventory's ``config`` wins; its list items come last, and replace the same argument.
    """
    merged = dict(config)
    for added in (flannel.config(cluster), hardening.config(cluster, node)):
        for key, value in added.items():
            if not applies_to(key, node.role):
                continue
            own = merged.get(key)
            if isinstance(value, tuple):
                merged[key] = _joined(value, own if isinstance(own, tuple) else ())
            else:
                merged.setdefault(key, value)
    return merged


def _joined(added: tuple[str, ...], own: tuple[str, ...]) -> tuple[str, ...]:
    given = {text.partition("=")[0] for text in own}
    return (*(text for text in added if text.partition("=")[0] not in given), *own)
