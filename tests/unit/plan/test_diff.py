"""The decision core against data files: resources and facts in, descriptions of steps out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from edgeboot.plan.diff import diff, leftovers
from edgeboot.plan.facts import Facts, FileFact, HostTraits, UnitFact
from edgeboot.plan.resources import CreateOnly, Directory, File, KnownAfter, Resource, Service, text
from edgeboot.secret import Secret

CASES = Path(__file__).parents[2] / "cases" / "diff"

TRAITS = HostTraits("x86_64", "debian 12", "systemd", 2, frozenset(), 1 << 30, 4, "a", "b", 1, True)


def resource(data: dict[str, Any]) -> Resource:
    kind = data.pop("resource")
    if "mode" in data:
        data["mode"] = int(data["mode"], 8)
    match kind:
        case "directory":
            return Directory(**data)
        case "service":
            return Service(**data)
        case "kept":
            return CreateOnly(data.pop("path"), Secret(data.pop("secret").encode()), **data)
    if "later" in data:
        content: Any = KnownAfter(data.pop("later"))
    elif "secret" in data:
        content = Secret(data.pop("secret").encode())
    else:
        content = text(data.pop("text"))
    return File(data.pop("path"), content, **data)


def facts(data: dict[str, Any]) -> Facts:
    files = {}
    for path, file in data.get("files", {}).items():
        body = file.get("text")
        files[path] = FileFact(
            kind=file.get("kind", "file"),
            mode=int(file["mode"], 8),
            owner=file.get("owner", "0:0"),
            size=len(body or ""),
            sha256=text(body).sha256 if body is not None else "",
            content=body.encode() if body is not None else None,
        )
    units = {name: UnitFact(*unit) for name, unit in data.get("units", {}).items()}
    owned = frozenset(data.get("owned", ()))
    return Facts(TRAITS, files, owned, units, (), "", None)


def load_cases() -> list[Any]:
    return [
        pytest.param(case, id=f"{path.stem}: {case['case']}")
        for path in sorted(CASES.glob("*.json"))
        for case in json.loads(path.read_text())
    ]


@pytest.mark.parametrize("case", load_cases())
def test_case(case: dict[str, Any]) -> None:
    wanted = [resource(dict(data)) for data in case["resources"]]
    have = facts(case["facts"])
    steps = [step.describe() for step in (*leftovers(wanted, have), *diff(wanted, have))]
    assert steps == case["steps"]


def test_there_are_cases() -> None:
    assert len(load_cases()) >= 15


def test_a_secret_is_nowhere_in_a_step() -> None:
    secret = Secret(b"hunter2")
    steps = diff([File("/t", secret, 0o600), CreateOnly("/k", secret)], facts({}))
    shown = " ".join([repr(s) + s.describe() for s in steps] + [f"{secret} {secret!r}"])
    assert "hunter2" not in shown


def test_the_start_hash_follows_every_input() -> None:
    def start_hash(body: str) -> str:
        wanted: list[Resource] = [File("/c", text(body), restarts="k3s"), Service("k3s")]
        return diff(wanted, facts({}))[-1].inputs  # type: ignore[union-attr]

    assert start_hash("a") == start_hash("a") != start_hash("b")
