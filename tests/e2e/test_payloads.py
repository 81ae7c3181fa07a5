"""Row 43: shell metacharacters in every field of the inventory, through to a real host."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml

from edgeboot.cli.run.connect import target_of
from edgeboot.cli.run.inputs import open_bundle
from edgeboot.engine.apply import apply
from edgeboot.engine.observe import observe
from edgeboot.errors import BadInput
from edgeboot.events import silent
from edgeboot.inventory.k3s_keys import KEYS, Kind
from edgeboot.inventory.load import load
from edgeboot.inventory.model import Cluster
from edgeboot.lifecycle.cluster_state import ClusterState, settling_steps, staging_steps
from edgeboot.plan import paths
from edgeboot.plan.steps import MakeDirectory, Step, Write
from edgeboot.secret import Secret
from edgeboot.transport.ssh.connection import connect
from edgeboot.transport.ssh.host_keys.policy import HostKeys
from tests.support.fleet import Fleet
from tests.support.payloads import FIELDS, PAYLOADS, inventory_with

# Those of an external datastore are refused beside etcd's own.
FREE = [
    key
    for key, known in KEYS.items()
    if known.kind in {Kind.TEXT, Kind.LIST}
    and not known.choices
    and not key.startswith("datastore-")
]


def test_row_43_no_payload_is_obeyed(bare: Fleet, tmp_path: Path) -> None:
    assert len(PAYLOADS) >= 40
    accepted, refused = _sorted(bare, tmp_path)
    # Names, addresses, users, keys, labels: allow-lists, nothing gets as far as a host.
    assert refused >= len(FIELDS) * 40
    # K3s's own options are free text: they have to arrive as they are.
    assert len(accepted) >= 40
    cluster = load(bare.inventory("server-1"))
    node = cluster.servers[0]
    with open_bundle(cluster, bare.bundle) as bundle:
        host = connect(target_of(node), HostKeys())
        facts = {node.name: observe(host)}
        for payload, hostile in accepted:
            state = ClusterState(hostile, bundle, facts, Secret(b"x"))
            steps = (
                *staging_steps(state, hostile.nodes[0]),
                *settling_steps(state, hostile.nodes[0]),
            )
            apply(host, [s for s in steps if _matters(s)], silent)
            arrived = yaml.safe_load(bare.on(node.name, f"cat {paths.CONFIG}"))
            for key in FREE:
                value = arrived[key]
                assert payload in (value if isinstance(value, list) else [value]), (key, payload)
        host.close()
    assert bare.on(node.name, "find / -xdev -name '*canary*' 2>/dev/null; true") == ""
    assert not list(Path.cwd().glob("canary*")) + list(Path("/").glob("canary*"))


def _matters(step: Step) -> bool:
    """What a payload gets into, and the directories above."""
    return isinstance(step, MakeDirectory) or (
        isinstance(step, Write) and step.path == paths.CONFIG
    )


def _sorted(fleet: Fleet, work: Path) -> tuple[list[tuple[str, Cluster]], int]:
    """What the loader lets through, with every free field at once, and how much it refuses."""
    refused = 0
    path = work / "inventory.yml"
    for field in FIELDS:
        for payload in PAYLOADS:
            path.write_text(inventory_with(field, payload))
            refused += not _loads(path)
    accepted: list[tuple[str, Cluster]] = []
    base: dict[str, Any] = yaml.safe_load(fleet.inventory("server-1").read_text())
    for payload in PAYLOADS:
        config = {key: [payload] if KEYS[key].kind is Kind.LIST else payload for key in FREE}
        cluster_section = {"name": "edge", "datastore": "etcd", "config": config}
        path.write_text(json.dumps({**base, "cluster": cluster_section}))
        cluster = _loads(path)
        if cluster:
            accepted.append((payload, replace(cluster, bundle=fleet.bundle)))
    return accepted, refused


def _loads(path: Path) -> Cluster | None:
    try:
        return load(path)
    except BadInput:
        return None
