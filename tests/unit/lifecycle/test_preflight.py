"""Preflight against data files: what a host is in, findings out. And the table itself."""

from __future__ import annotations

import json
from dataclasses import replace
from ipaddress import IPv4Network
from pathlib import Path
from typing import Any

import pytest

from edgeboot.blob import Blob
from edgeboot.bundle.format.contents import Item
from edgeboot.bundle.format.contents import Role as ItemRole
from edgeboot.checks.base import Subject
from edgeboot.checks.catalogue import ALLOWABLE, CHECKS, findings
from edgeboot.inventory.cluster import components as read_components
from edgeboot.inventory.cluster.fold import folded
from edgeboot.inventory.host.host import Host, PlacedFile
from edgeboot.inventory.model import Budget, Cluster, Datastore, DatastoreKind, Node, Role
from edgeboot.inventory.sections import CLUSTER
from edgeboot.lifecycle.preflight import Preflight, refusals
from edgeboot.plan.condition import BootFile, Inotify, Mount
from edgeboot.plan.facts import Facts, FileFact, Listener, UnitFact
from edgeboot.plan.findings import Finding, Severity
from edgeboot.plan.health import NodeState
from edgeboot.plan.options import InstallOptions
from edgeboot.plan.steps import Upload
from edgeboot.secret import Secret
from edgeboot.yaml import parser
from edgeboot.yaml.problems import Problems
from tests.support.healthy_host import CONTENTS, healthy

CASES = Path(__file__).parents[2] / "cases" / "preflight"


def typed_limits(condition: dict[str, Any]) -> dict[str, Any]:
    """What a case forbids K3s, with the types that facts have."""
    found: dict[str, Any] = {}
    if "mounts" in condition:
        found["mounts"] = {
            path: Mount(point, frozenset(options.split(",")))
            for path, (point, options) in condition["mounts"].items()
        }
    if "inotify" in condition:
        found["inotify"] = Inotify(*condition["inotify"])
    return found


def typed(facts: Facts, case: dict[str, Any]) -> dict[str, Any]:
    """A case's condition with the types that facts have."""
    condition = {**case.get("condition", {})}
    for key in ("firewalls", "programs", "remains", "power_save"):
        if key in condition:
            condition[key] = frozenset(condition[key])
    for key in ("swaps", "kernel_parameters", "disabled_in"):
        condition |= {key: tuple(condition[key])} if key in condition else {}
    if "resolvers" in condition:
        condition["resolvers"] = {k: tuple(v) for k, v in condition["resolvers"].items()}
    if "modules" in condition:
        condition["modules"] = {**facts.condition.modules, **condition["modules"]}
    if "filesystems" in condition:
        old = facts.condition.filesystems
        any_disk = old["/usr/local/bin"]
        new = {k: replace(old.get(k, any_disk), **v) for k, v in condition["filesystems"].items()}
        condition["filesystems"] = {**old, **new}
    if "networks" in condition:
        condition["networks"] = tuple(map(IPv4Network, condition["networks"]))
    if "boot_file" in condition:
        condition["boot_file"] = BootFile(
            "/boot/firmware/cmdline.txt", condition["boot_file"].encode()
        )
    return condition | typed_limits(condition)


def changed(facts: Facts, case: dict[str, Any]) -> Facts:
    """The host with what a case says of it."""
    traits = dict(case.get("traits", {}))
    for key in ("cgroup_controllers", "has"):
        traits |= {key: frozenset(traits[key])} if key in traits else {}
    condition = typed(facts, case)
    rest = dict(case.get("facts", {}))
    texts = rest.get("texts", {})
    dirs = rest.get("directories", {}).items()
    return replace(
        facts,
        node_token=Secret(b"K10") if rest.get("been_up") else None,
        traits=replace(facts.traits, **traits),
        condition=replace(facts.condition, **condition),
        units={name: UnitFact(*unit) for name, unit in rest.get("units", {}).items()},
        listeners=tuple(Listener(*one) for one in rest.get("listeners", ())),
        files={
            path: FileFact("directory" if path.endswith("/") else "file", 0o600, "0:0", 1)
            for path in rest.get("files", ())
        }
        | {path: FileFact("directory", int(mode, 8), owner, 0) for path, (mode, owner) in dirs}
        | {
            path: FileFact("file", 0o600, "0:0", len(said), content=said.encode())
            for path, said in texts.items()
        },
        done=rest.get("done", {}),
        k3s_version=rest.get("k3s_version", ""),
    )


def subject(case: dict[str, Any]) -> Subject:
    role = Role(case.get("role", "agent"))
    config = {
        key: tuple(value) if isinstance(value, list) else value
        for key, value in case.get("config", {}).items()
    }
    node = Node(
        "pi",
        "192.0.2.1",
        role,
        config=config if role is Role.AGENT else {},
        budget=Budget(memory=case.get("budget")),
        node_ip=case.get("node_ip"),
        profiles=frozenset(case.get("profiles", ())),
        host=host(case.get("host", {})),
    )
    others = case.get("others", {"other": {}})
    nodes = (node, *(Node(name, f"192.0.2.{i}", Role.SERVER) for i, name in enumerate(others, 2)))
    fleet = {"pi": changed(healthy("pi"), case)}
    fleet |= {name: changed(healthy(name), other) for name, other in others.items()}
    options = InstallOptions(
        case.get("reboot", True),
        frozenset(case.get("allowed", ())),
        forget_node_passwords=case.get("forget", False),
    )
    steps = tuple(
        Upload(path, Sized(size), 0o644, replaces=False)
        for path, size in case.get("uploads", {}).items()
    )
    text, problems = f"name: c\n{case.get('components', '')}", Problems()
    read = CLUSTER.values(parser.parse(text, "case"), "'cluster'", Path(), problems)
    problems.raise_any()
    components = read_components(read)
    cluster_config = folded(config if role is Role.SERVER else {}, components)
    more = tuple(
        Item(ItemRole(kind), name, Blob("b" * 64, 1), version="1")
        for kind, name in case.get("items", ())
    )
    contents = (
        replace(CONTENTS, items=(*CONTENTS.items, *more)) if case.get("bundle", True) else None
    )
    cluster = Cluster(
        "c",
        nodes,
        cluster_config,
        components=components,
        datastore=Datastore(DatastoreKind(case.get("datastore", "sqlite"))),
        vip=case.get("vip"),
    )
    registered = {
        name: NodeState(
            name,
            said.get("ready", True),
            "",
            "v1",
            machine_id=said.get("machine_id", ""),
            addresses=tuple(said.get("addresses", ())),
        )
        for name, said in case.get("registered", {}).items()
    }
    known = registered if "registered" in case else None
    return Subject(cluster, node, fleet, contents, options, steps, known)


def host(data: dict[str, Any]) -> Host:
    """What the inventory says of the host."""
    placed = tuple(PlacedFile(dest, b"") for dest in data.get("files", ()))
    servers = tuple(data.get("time_servers", ()))
    return Host(**{**data, "files": placed, "time_servers": servers})


class Sized:
    """A source of a size; nobody asks for its bytes but for an architecture."""

    sha256 = "a" * 64

    def __init__(self, size: int | str) -> None:
        self.size = size if isinstance(size, int) else len(size)
        self._head = bytes.fromhex(size) if isinstance(size, str) else b""

    def open(self) -> Any:
        return iter((self._head,))


def load_cases() -> list[Any]:
    return [
        pytest.param(case, id=f"{path.stem}: {case['case']}")
        for path in sorted(CASES.glob("*.json"))
        for case in json.loads(path.read_text())
    ]


@pytest.mark.parametrize("case", load_cases())
def test_case(case: dict[str, Any]) -> None:
    found = findings(subject(case))
    said = [f"{one.severity.value} {one.id}" for one in found]
    assert said == [entry["finding"] for entry in case["findings"]], found
    for one, entry in zip(found, case["findings"], strict=True):
        for word in entry.get("words", ()):
            assert word in f"{one.what}\n{one.fix}"


def test_every_check_has_a_case_that_finds_something() -> None:
    seen = {
        entry["finding"].split(" ")[1] for p in load_cases() for entry in p.values[0]["findings"]
    }
    assert seen == {check.id for check in CHECKS}


def test_every_allowable_refusal_can_be_allowed() -> None:
    refusable = {
        entry["finding"].split(" ")[1]
        for p in load_cases()
        for entry in p.values[0]["findings"]
        if entry["finding"].startswith("refuse")
    }
    assert set(ALLOWABLE) <= refusable


def finding(severity: Severity) -> Finding:
    return Finding("preflight.x", severity, "what", "fix it")


@pytest.mark.parametrize(
    ("severities", "code"),
    [
        ([], 0),
        ([Severity.WARN, Severity.FIX], 0),
        ([Severity.UNKNOWN, Severity.WARN], 6),
        ([Severity.UNKNOWN, Severity.REFUSE], 5),
    ],
)
def test_exit_codes(severities: list[Severity], code: int) -> None:
    found = {"a": tuple(map(finding, severities)), "b": ()}
    assert Preflight(found).exit_code == code


def test_a_refusal_names_every_reason_its_id_and_its_mend() -> None:
    errors = refusals({"a": (finding(Severity.REFUSE), finding(Severity.WARN)), "b": ()})
    assert list(errors) == ["a"]
    assert str(errors["a"]) == (
        "a: what [preflight.x]\n  next: fix it; nothing was changed on any host"
    )


def test_the_document_has_every_check() -> None:
    document = (Path(__file__).parents[3] / "docs" / "preflight.md").read_text()
    rows = [line for line in document.splitlines() if line.startswith("| `preflight.")]
    assert [row.split("`")[1] for row in rows] == [check.id for check in CHECKS]
    for row, check in zip(rows, CHECKS, strict=True):
        assert f"| {check.title} |" in row, row
        assert f"| {check.why} |" in row, row
        assert ("`--allow`" in row) == check.allowable, row
