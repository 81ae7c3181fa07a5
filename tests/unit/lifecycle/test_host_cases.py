"""Hosts against data files: inventory and traits in, exact steps and files out."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from edgeboot.inventory.load import load
from edgeboot.lifecycle.cluster_state import ClusterState, settling_steps
from edgeboot.lifecycle.install.prepare import prepare_steps
from edgeboot.plan.diff import content_hash, diff
from edgeboot.plan.facts import Facts, FileFact, UnitFact
from edgeboot.plan.resources import Action, Directory, File, KnownAfter, Resource, Service
from edgeboot.plan.steps import Run, Start
from edgeboot.secret import Secret
from tests.support.contexts import text_of
from tests.support.healthy_host import healthy
from tests.support.small_cluster import BUNDLE

CASES = Path(__file__).parents[2] / "cases" / "hosts"


def cases() -> list[Any]:
    return [
        pytest.param(case, id=case["name"])
        for path in sorted(CASES.glob("*.yml"))
        for case in yaml.safe_load(path.read_text())
    ]


class Site:
    """One inventory at a time: a server as the case says, and an agent beside it."""

    def __init__(self, case: dict[str, Any], path: Path) -> None:
        self._path = path / "inventory.yml"
        for name, content in case.get("files", {}).items():
            (path / name).parent.mkdir(exist_ok=True)
            (path / name).write_text(content)
        traits = dict(case.get("traits", {}))
        traits |= {"has": frozenset(traits["has"])} if "has" in traits else {}
        traits |= {"wifi": tuple(traits["wifi"])} if "wifi" in traits else {}
        bare = healthy("server-1")
        self.facts = replace(
            bare,
            traits=replace(bare.traits, **traits),
            condition=replace(bare.condition, modules={**bare.condition.modules, "zram": "loaded"}),
        )

    def write(self, node: dict[str, Any]) -> ClusterState:
        address = {"name": "server-1", "address": "192.0.2.11", "role": "server"}
        agent = {"name": "agent-1", "address": "192.0.2.21", "role": "agent"}
        document = {"cluster": {"name": "edge"}, "nodes": [{**address, **node}, agent]}
        self._path.write_text(json.dumps(document))
        facts = {"server-1": self.facts, "agent-1": healthy("agent-1")}
        return ClusterState(load(self._path), BUNDLE, facts, Secret(b"0" * 32))

    def host_steps(self, state: ClusterState) -> list[str]:
        node = state.cluster.servers[0]
        return [step.describe() for step in prepare_steps(state, node)]

    def settle(self, state: ClusterState) -> None:
        """As if all of it had been done."""
        node = state.cluster.servers[0]
        steps = prepare_steps(state, node)
        done = {s.parameters[0]: s.parameters[1] for s in steps if isinstance(s, Run) and _acts(s)}
        host, own = state.host_resources(node), state.resources(node)
        self.facts = _settled(self.facts, (*host, *own), done)
        starts = [s for s in diff(own, self.facts) if isinstance(s, Start)]
        units = {s.service: UnitFact("active", True, s.inputs) for s in starts}
        self.facts = replace(self.facts, units=units)


def _acts(step: Run) -> bool:
    return step.snippet in {"activate", "hook", "storage", "firewall"}


def _settled(facts: Facts, resources: Iterable[Resource], done: dict[str, str]) -> Facts:
    files = dict(facts.files)
    for one in resources:
        match one:
            case Directory():
                files[one.path] = FileFact("directory", one.mode, "0:0", 0)
            case File() if isinstance(one.content, Secret):
                files[one.path] = FileFact("file", one.mode, "0:0", 1, content_hash(one.content))
            case File() if not isinstance(one.content, KnownAfter | Secret):
                content = b"".join(one.content.open())
                size, digest = len(content), content_hash(one.content)
                files[one.path] = FileFact("file", one.mode, "0:0", size, digest, content)
            case Service() | Action():
                pass
            case kept:
                files[kept.path] = FileFact("file", getattr(kept, "mode", 0), "0:0", 1, "aa")
    return replace(facts, files=files, owned=frozenset(files), done={**facts.done, **done})


@pytest.mark.parametrize("case", cases())
def test_case(case: dict[str, Any], tmp_path: Path) -> None:
    site = Site(case, tmp_path)
    state = site.write(case.get("node", {}))
    assert site.host_steps(state) == case["bare"]
    node = state.cluster.servers[0]
    said = {r.path: r for r in (*state.host_resources(node), *state.resources(node))
            if isinstance(r, File)}  # fmt: skip
    for path, lines in case.get("says", {}).items():
        assert set(lines) <= set(text_of(said[path]).splitlines()), text_of(said[path])
    for path, lines in case.get("not", {}).items():
        assert not set(lines) & set(text_of(said[path]).splitlines()), text_of(said[path])

    site.settle(state)
    again = site.write(case.get("node", {}))
    assert site.host_steps(again) == []
    assert settling_steps(again, node) == ()

    if "then" in case:
        later = site.write(case["then"])
        assert site.host_steps(later) == case["host"]
        steps = settling_steps(later, later.cluster.servers[0])
        assert [step.describe() for step in steps] == case.get("k3s", [])
