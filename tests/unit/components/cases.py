"""The cases of tests/cases/components, read and made into contexts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from edgeboot.blob import Blob
from edgeboot.bundle.format.contents import Item
from edgeboot.bundle.format.contents import Role as ItemRole
from edgeboot.components.context import Context
from edgeboot.components.roles import resources_of
from edgeboot.inventory.load import load
from edgeboot.plan.resources import File
from tests.support.contexts import context

CASES = Path(__file__).parents[2] / "cases" / "components"
NODES = """\
nodes:
  - {name: server-1, address: 192.0.2.11, role: server}
  - {name: agent-1, address: 192.0.2.21, role: agent}
"""


def load_cases() -> list[Any]:
    return [
        pytest.param(case, id=f"{path.stem}: {case['name']}")
        for path in sorted(CASES.glob("*.yml"))
        for case in yaml.safe_load(path.read_text())
    ]


def context_of(case: dict[str, Any], work: Path, text: str | None = None) -> Context:
    for name, said in case.get("inputs", {}).items():
        (work / name).write_text(said)
        (work / name).chmod(0o600)
    section = "".join(f"  {line}\n" for line in (text or case["cluster"]).splitlines())
    path = work / "inventory.yml"
    path.write_text(f"cluster:\n  name: edge\n{section}{case.get('nodes', NODES)}")
    cluster = load(path)
    (node,) = (n for n in cluster.nodes if n.name == case.get("node", "server-1"))
    items = [
        Item(ItemRole(item.pop("role")), item.pop("name"), Blob("a" * 64, 3), **item)
        for item in json.loads(json.dumps(case.get("items", [])))
    ]
    return context(cluster, node, items, case.get("version"))


def files_of(where: Context) -> dict[str, File]:
    return {r.path: r for r in resources_of(where) if isinstance(r, File)}
