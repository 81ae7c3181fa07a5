"""One cause is one problem: a stopped service, a lost host, an API that does not answer."""

from __future__ import annotations

import pytest

from edgeboot.errors import Unreachable
from edgeboot.report.verification.problems import problems_of
from edgeboot.verify.results import Category, CheckResult, Outcome
from edgeboot.verify.selection import CheckSelection
from edgeboot.verify.suite import Fleet, verify
from tests.support.verify_hosts import node_object, site, verified


def test_a_stopped_service_is_one_problem_with_what_to_do() -> None:
    made = site()
    state = made.hosts["agent-1"].state
    state.active, state.images_code, state.images = "inactive", 1, "cannot connect"
    state.sample_code = 1
    state.journal = "level=error msg=old"
    made.state.nodes[1] = node_object("agent-1", ready=False)
    (problem,) = problems_of(verified(made))
    assert (problem.nodes, problem.checks) == (("agent-1",), ("service",))
    assert problem.message == "its service is inactive"
    assert problem.hint == "run `edgeboot install`, which starts it"
    assert problem.detail == ""
    assert {"image", "node_ready", "pod_runs", "budget"} <= {name for name, _ in problem.follows}


def test_a_lost_host_is_one_problem_with_what_to_do() -> None:
    made = site()
    made.hosts["agent-1"].gone = True
    made.state.nodes[1] = node_object("agent-1", ready=False)
    found = verified(made)
    problems = problems_of(found)
    assert [(p.nodes, p.checks) for p in problems if p.outcome is Outcome.NOT_MEASURED] == [
        (("agent-1",), ("reachable",))
    ]
    lost = next(r for r in found.results if r.check == "reachable")
    assert lost.outcome is Outcome.NOT_MEASURED
    assert sum(r.because == "agent-1 reachable" for r in found.results) > 10


def test_the_only_server_down_explains_all_that_asks_the_api() -> None:
    made = site()
    made.hosts["server-1"].gone = True
    (problem,) = problems_of(verified(made))
    assert (problem.nodes, problem.checks) == (("server-1",), ("reachable",))
    assert {"api", "node_ready", "storage"} <= {name for name, _ in problem.follows}


def test_a_missed_disk_budget_of_a_stopped_service_is_a_problem_of_its_own() -> None:
    made = site()
    made.hosts["agent-1"].state.active = "failed"
    made.expect("agent-1", limits={"disk": 1})
    failed = [p.checks for p in problems_of(verified(made)) if p.outcome is Outcome.FAILED]
    assert failed == [("service",), ("budget",)]


@pytest.mark.parametrize("kind", ["mode", "version"])
def test_other_failures_of_a_stopped_service_stay(kind: str) -> None:
    made = site()
    state = made.hosts["agent-1"].state
    state.active = "failed"
    if kind == "mode":
        state.modes.clear()
    else:
        state.version = "v1.35.0+k3s1"
    checks = {check for p in problems_of(verified(made)) for check in p.checks}
    assert checks > {"service"}


@pytest.mark.parametrize("only", [frozenset(Category), frozenset({Category.CONFIG})])
def test_where_only_lost_hosts_were_selected_they_are_all_that_is_said(
    only: frozenset[Category],
) -> None:
    """As with ``--limit agent-1``: the server is read for others, but not checked."""
    made = site()
    server = made.expectations["server-1"]
    fleet = Fleet(
        *(made.cluster, [server], made.hosts, frozenset({"server-1"})),
        lost={"agent-1": Unreachable("it does not answer", hint="turn it on")},
    )
    told: list[CheckResult] = []
    scope = CheckSelection(only, pods=False)
    found = verify(fleet, scope, window=4, when="2027-01-15T08:00:00+00:00", tell=told.append)
    lost = found.results[0]
    assert (lost.node, lost.check, lost.message) == ("agent-1", "reachable", "it does not answer")
    assert lost.hint == "turn it on"
    assert lost in told
    assert "agent-1" in {node for p in problems_of(found) for node in p.nodes}
