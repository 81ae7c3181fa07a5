"""What edgeboot has set on a Node object: K3s adds labels and taints, but never removes any.

K3s adds labels at every start, and taints only when a node registers (K3s, pkg/agent/run.go). So
each host records what was set, and a server removes what has since left the inventory.
"""

from __future__ import annotations

import json

from edgeboot import json_document
from edgeboot.components.context import AppliedLabels
from edgeboot.components.k3s import config_file
from edgeboot.components.k3s.config_file import words
from edgeboot.errors import Refused
from edgeboot.inventory.model import Node
from edgeboot.plan import paths
from edgeboot.plan.facts import Facts
from edgeboot.plan.resources import File, text


def wanted(node: Node) -> AppliedLabels:
    """A node's labels and taints in the inventory."""
    return AppliedLabels(frozenset(node.labels), frozenset(node.taints))


def is_pending(applied_labels: AppliedLabels, node: Node) -> bool:
    """Whether the Node object needs a change that K3s itself will not make."""
    if not applied_labels.registered:
        return False
    now = wanted(node)
    return (
        not applied_labels.settled
        or bool(applied_labels.labels - now.labels)
        or applied_labels.taints != now.taints
    )


def record(applied_labels: AppliedLabels, node: Node) -> File:
    """The host's record while changes are pending: what was set before and what is wanted now."""
    now = wanted(node)
    if is_pending(applied_labels, node):
        now = AppliedLabels(
            applied_labels.labels | now.labels, applied_labels.taints | now.taints, settled=False
        )
    return File(paths.NODE_RECORD, text(dump(now)), 0o600)


def dump(applied_labels: AppliedLabels) -> str:
    """The file's text."""
    document = {
        "labels": sorted(applied_labels.labels),
        "taints": sorted(applied_labels.taints),
        "settled": applied_labels.settled,
    }
    return json.dumps(document, sort_keys=True) + "\n"


def applied_labels_of(facts: Facts, service: str) -> AppliedLabels:
    """A host's record; the configuration of one that was installed before there were records."""
    unit = facts.units.get(service)
    registered = unit is not None and bool(unit.started_with)
    fact = facts.files.get(paths.NODE_RECORD)
    try:
        if fact:
            said = json_document.parse(fact.content or b"", paths.NODE_RECORD)
            settled = said.member("settled").value is True
            return AppliedLabels(
                _words(said, "labels"), _words(said, "taints"), settled, registered
            )
    except Refused:
        pass  # damaged: as if there were none
    config = config_file.read(facts)
    labels = frozenset(label.partition("=")[0] for label in words(config, "node-label"))
    return AppliedLabels(labels, frozenset(words(config, "node-taint")), registered=registered)


def _words(said: json_document.Node, key: str) -> frozenset[str]:
    return frozenset(word.text() for word in said.member(key).items())
