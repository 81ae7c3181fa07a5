"""A plan for people: hosts with equal steps together, what changes, each warning once."""

from __future__ import annotations

from dataclasses import replace

import pytest

from edgeboot.blob import BytesSource
from edgeboot.events import PhaseStarted
from edgeboot.inventory.model import Cluster, Node, Role
from edgeboot.lifecycle.install.run import make_plan
from edgeboot.plan.findings import Finding, Severity
from edgeboot.plan.plan import Plan, PlannedPhase
from edgeboot.plan.steps import MakeDirectory, Run, Step, Write
from edgeboot.report.events import event_line
from edgeboot.report.names import names
from edgeboot.report.plan import plan_json, plan_lines
from edgeboot.report.warnings import told
from edgeboot.transport.fake.host import FakeCluster, FakeHost
from tests.support.small_cluster import BUNDLE, IMAGES, VERSION

AGENTS = tuple(f"agent-{number}" for number in range(1, 6))
SIX = Cluster(
    "edge",
    (
        Node("server-1", "192.0.2.11", Role.SERVER),
        *(
            Node(name, f"192.0.2.2{number}", Role.AGENT, labels={"zone": name})
            for number, name in enumerate(AGENTS)
        ),
    ),
)
DIRECTORY = MakeDirectory("/x", 0o755)


@pytest.fixture(scope="module")
def first() -> Plan:
    """The first install of six hosts; every agent has a label of its own."""
    shared = FakeCluster(VERSION, IMAGES)
    return make_plan(SIX, BUNDLE, {n.name: FakeHost(n.name, shared) for n in SIX.nodes})


def test_five_agents_with_equal_steps_are_told_together(first: Plan) -> None:
    lines = list(plan_lines(first))
    assert "  5 agents: the same 5 steps (agent-1 … agent-5)" in lines
    assert not any(line.strip() in AGENTS for line in lines)
    assert not any("ExecStart" in line for line in lines)
    assert len(lines) < 60
    assert lines[-1].startswith(f"{len(first.steps)} steps on 6 hosts")


def test_the_whole_plan_has_every_host_and_every_text(first: Plan) -> None:
    lines = list(plan_lines(first, whole=True))
    for name in AGENTS:
        assert f"  {name}" in lines
        assert f'        +  - "zone={name}"' in lines
    assert sum(line.startswith("    ") and line[4] != " " for line in lines) == len(first.steps)


def test_what_programs_read_is_complete(first: Plan) -> None:
    phases = plan_json(first)["phases"]
    told = [(node, step) for p in phases for node, some in p["nodes"].items() for step in some]
    assert len(told) == len(first.steps)


def plan_of(steps: dict[str, tuple[Step, ...]], **findings: tuple[Finding, ...]) -> Plan:
    return Plan((PlannedPhase("prepare", steps), PlannedPhase("upload", {})), findings)


def write(new: str, old: str | None = None) -> Write:
    return Write("/etc/x", BytesSource(new.encode()), 0o644, replaces=old is not None, old=old)


def test_a_phase_with_nothing_to_do_is_not_printed() -> None:
    assert list(plan_lines(plan_of({"a": (DIRECTORY,)}))) == [
        "prepare:",
        "  a",
        "    directory /x (0755)",
        "1 step on 1 host",
    ]
    assert event_line(PhaseStarted("upload", ())) is None
    assert event_line(PhaseStarted("agents", AGENTS)) == "agents: agent-1 … agent-5"


def test_a_change_that_hosts_share_is_shown_once_without_its_surroundings() -> None:
    plan = plan_of({n: (write(f"name: {n}\nsize: 2\n", f"name: {n}\nsize: 1\n"),) for n in "abc"})
    assert list(plan_lines(plan))[1:5] == [
        "  3 hosts: the same step (a, b, c)",
        "    change /etc/x (0644)",
        "        -size: 1",
        "        +size: 2",
    ]


def test_changes_that_differ_by_host_are_left_to_the_whole_plan() -> None:
    plan = plan_of({name: (write(f"{name}\n", "old\n"),) for name in "ab"})
    assert list(plan_lines(plan))[2:4] == [
        "    change /etc/x (0644)",
        "        (what changes differs by host: --diff shows it)",
    ]
    assert {"        +a", "        +b"} <= set(plan_lines(plan, whole=True))


def test_a_long_change_is_cut() -> None:
    plan = plan_of({"a": (write("".join(f"{n}\n" for n in range(40)), "old\n"),)})
    lines = list(plan_lines(plan))
    assert lines[-2] == "        … and 29 lines more: --diff shows them"
    assert len(lines) == 17


def test_the_script_of_a_hook_is_in_the_whole_plan_only() -> None:
    plan = plan_of({"a": (Run("x.sh", (), "hook x", shown=("#!/bin/sh", "-x")),)})
    assert list(plan_lines(plan))[2:] == ["    hook x", "1 step on 1 host"]
    assert "        #!/bin/sh" in plan_lines(plan, whole=True)


def warning(what: str) -> tuple[Finding, ...]:
    return (Finding("preflight.x", Severity.WARN, what, "fix it"),)


def test_a_warning_is_told_once_for_all_hosts_that_share_it() -> None:
    slow = {name: warning("it is 5 s off") for name in ("a-1", "a-2", "a-3")}
    plan = replace(plan_of({"a-1": (DIRECTORY,)}), findings={**slow, "b": warning("it is 7 s off")})
    assert next(iter(plan_lines(plan))) == (
        "warning: a-1 (and, with other figures, a-2, a-3, b): it is 5 s off [preflight.x]"
    )
    alike = replace(plan, findings=slow)
    assert next(iter(plan_lines(alike))) == "warning: a-1 … a-3: it is 5 s off [preflight.x]"


def test_a_warning_of_an_earlier_run_is_counted() -> None:
    plan = plan_of({"a": (DIRECTORY,)}, a=warning("it is slow"), b=warning("it is slow"))
    known = frozenset({told("a", *warning("it is slow"))})
    assert list(plan_lines(plan, known=known))[:2] == [
        "warning: b: it is slow [preflight.x]",
        "1 warning as before; show it: `edgeboot preflight`",
    ]


def test_a_plan_without_changes_is_one_line() -> None:
    assert list(plan_lines(Plan(()))) == ["No changes: every host matches the inventory."]
    plan = Plan((), {"a": warning("it is slow")})
    assert list(plan_lines(plan)) == [
        "No changes: every host matches the inventory (1 warning: `edgeboot preflight`)."
    ]


@pytest.mark.parametrize(
    ("nodes", "told"),
    [
        (["a"], "a"),
        (["a-1", "a-2"], "a-1, a-2"),
        (["a-1", "a-2", "a-3"], "a-1 … a-3"),
        (["s", "a-1", "a-2", "a-3", "a-5"], "s, a-1 … a-3, a-5"),
        (["pi08", "pi09", "pi10"], "pi08 … pi10"),
        (["a-9", "a-10", "a-11", "b-12"], "a-9 … a-11, b-12"),
        (["a-3", "a-2", "a-1"], "a-3, a-2, a-1"),
        ([], ""),
    ],
)
def test_names_of_many_nodes_are_few_words(nodes: list[str], told: str) -> None:
    assert names(nodes) == told
