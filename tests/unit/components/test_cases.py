"""Inventory and bundle in, exact files out: tests/cases/components. And what must never change.

A case's ``cluster`` stands below ``cluster:``; there are a server and an agent unless it has
``nodes``. ``files`` are whole texts; ``secret`` are paths a plan shows nothing of; ``absent`` are
paths no resource names; ``config`` are keys of the node's config.yaml.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from edgeboot.components.k3s.base import config_of
from edgeboot.components.roles import resources_of
from edgeboot.plan.diff import content_hash, diff
from edgeboot.plan.facts import Facts, FileFact
from edgeboot.plan.steps import MakeDirectory, Start, Write, as_json
from edgeboot.secret import Secret
from tests.support.contexts import TRAITS, text_of
from tests.unit.components.cases import context_of, files_of, load_cases


@pytest.mark.parametrize("case", load_cases())
def test_files(case: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in case.get("environment", {}).items():
        monkeypatch.setenv(name, value)
    where = context_of(case, tmp_path)
    files = files_of(where)
    for path, said in case.get("files", {}).items():
        assert text_of(files[path]) == said
        assert files[path].mode == (0o644 if path.startswith("/etc/sysctl.d/") else 0o600)
    for path in case.get("secret", ()):
        assert isinstance(files[path].content, Secret)
    for path in case.get("absent", ()):
        assert path not in files
    config = config_of(where.cluster, where.node)
    for key, value in case.get("config", {}).items():
        found = config.get(key)
        assert (list(found) if isinstance(found, tuple) else found) == value


@pytest.mark.parametrize("case", load_cases())
def test_a_plan_shows_no_secret_and_a_second_one_is_empty(
    case: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in case.get("environment", {}).items():
        monkeypatch.setenv(name, value)
    resources = resources_of(context_of(case, tmp_path))
    facts = Facts(TRAITS, {}, frozenset(), {}, (), "", None)
    steps = diff(resources, facts)
    made = [step.path for step in steps if isinstance(step, MakeDirectory)]
    assert len(made) == len(set(made))
    assert "hunter2" not in json.dumps([as_json(step) for step in steps]) + repr(steps)
    done = {
        step.path: FileFact("file", step.mode, "0:0", 1, content_hash(step.content))
        for step in steps
        if isinstance(step, Write)
    }
    again = diff(resources, Facts(TRAITS, done, frozenset(), {}, (), "", None))
    assert not [step for step in again if isinstance(step, Write)]


@pytest.mark.parametrize("case", [c for c in load_cases() if "changed" in c.values[0]])
def test_a_changed_input_changes_exactly_these_files(
    case: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in case.get("environment", {}).items():
        monkeypatch.setenv(name, value)
    before = files_of(context_of(case, tmp_path))
    after = files_of(context_of(case, tmp_path, case["changed"]["cluster"]))
    different = {
        path
        for path in before.keys() | after.keys()
        if path not in before or path not in after or text_of(before[path]) != text_of(after[path])
    }
    assert sorted(different) == sorted(case["changed"]["files"])
    restarting = {path for path in different if (after.get(path) or before[path]).restarts}
    assert bool(restarting) is case["changed"]["restarts"]


def test_a_service_starts_anew_when_a_file_of_its_components_changes(tmp_path: Path) -> None:
    case = {"cluster": "proxy: {http: 'http://192.0.2.9:3128'}"}
    resources = resources_of(context_of(case, tmp_path))
    steps = diff(resources, Facts(TRAITS, {}, frozenset(), {}, (), "", None))
    other = resources_of(context_of(case, tmp_path, "proxy: {http: 'http://192.0.2.8:3128'}"))
    more = diff(other, Facts(TRAITS, {}, frozenset(), {}, (), "", None))
    (first,) = (s for s in steps if isinstance(s, Start))
    (second,) = (s for s in more if isinstance(s, Start))
    assert first.inputs != second.inputs
