"""When waiting for K3s is given up, and what is said and undone then."""

from __future__ import annotations

from dataclasses import replace

import pytest

from edgeboot.errors import Unreachable
from edgeboot.lifecycle.cluster_state import ClusterState
from edgeboot.lifecycle.watch import ServiceWatch
from edgeboot.plan.diff import FIRST_START
from edgeboot.plan.health import Status
from edgeboot.plan.steps import Remove, Start, Step
from edgeboot.secret import Secret
from edgeboot.transport.base import Result, Snippet
from tests.support.small_cluster import BUNDLE, CLUSTER

STATE = ClusterState(CLUSTER, BUNDLE, {}, Secret(b""))
UP = Status("active", 0, {})
REJECTED = 'level=error msg=x\nlevel=error msg="Node password rejected"'
FIRST, AGAIN = Start("k3s", "h", FIRST_START), Start("k3s", "h", "it is failed")


class Host:
    """A transport that notes what it is asked to run."""

    node = "server-1"

    def __init__(self, answer: Result | Unreachable) -> None:
        self.answer = answer
        self.said: list[Snippet] = []

    def run(self, command: Snippet, **_: object) -> Result:
        self.said.append(command)
        if isinstance(self.answer, Unreachable):
            raise self.answer
        return self.answer


def gave_up(
    status: Status | None, *steps: Step, answer: Result | Unreachable | None = None
) -> tuple[str, list[Snippet]]:
    host = Host(answer or Result(0, "", ""))
    state = STATE.with_status("server-1", status) if status else STATE
    error = ServiceWatch().gave_up(state, "server-1", "it is slow", steps, host)  # type: ignore[arg-type]
    return error.tell(), host.said


@pytest.mark.parametrize(
    ("status", "looks"),
    [
        (None, None),
        (UP, None),
        (replace(UP, restarts=4), None),
        (replace(UP, restarts=5), 1),
        (replace(UP, active="failed"), 1),
        (replace(UP, active="activating", journal=REJECTED), 6),
        (replace(UP, active="active", journal=REJECTED), None),
        (replace(UP, active="failed", journal=REJECTED), 1),
    ],
)
def test_after_how_many_looks_it_is_hopeless(status: Status | None, looks: int | None) -> None:
    state = STATE.with_status("server-1", status) if status else STATE
    assert ServiceWatch().looks_until_hopeless(state, "server-1") == looks


def test_a_host_that_was_never_seen_has_a_reason_and_no_more() -> None:
    said, run = gave_up(None, FIRST)
    assert said.startswith("server-1: it is slow [not-ready]\n  next: fix the problem")
    assert not run


def test_the_journal_names_the_cause_and_its_last_lines_are_shown() -> None:
    lines = "\n".join(f"line {number}" for number in range(9))
    said, _ = gave_up(replace(UP, journal=f"{lines}\nno space left on device"))
    assert "it is slow: its disk is full [disk-full]" in said
    assert "last lines of its journal:\n    line 2\n" in said
    assert "line 1" not in said
    assert "next: free space" in said


def test_a_containerd_that_does_not_start_is_explained_by_its_own_log() -> None:
    log = 'level=warning msg="failed to load cri" error="fsnotify watcher: too many open files"'
    said, _ = gave_up(replace(UP, containerd=log, journal="level=error msg=other"))
    assert "it is slow: fs.inotify.max_user_instances is too low" in said
    assert "[inotify]" in said
    assert f"last lines of its containerd:\n    {log}" in said


def test_without_a_journal_a_charts_job_is_shown() -> None:
    said, _ = gave_up(replace(UP, chart_log="no such value"))
    assert "last lines of its job:\n    no such value" in said


@pytest.mark.parametrize("active", ["activating", "failed", "inactive"])
def test_a_first_start_that_failed_is_undone(active: str) -> None:
    said, run = gave_up(replace(UP, active=active), Remove("/x"), FIRST)
    assert run == [Snippet("stop", ("k3s",))]
    assert "rolled back: k3s is stopped and disabled" in said


@pytest.mark.parametrize("answer", [Result(1, "", ""), Unreachable("gone", where="server-1")])
def test_what_cannot_be_undone_is_said(answer: Result | Unreachable) -> None:
    said, run = gave_up(replace(UP, active="failed"), FIRST, answer=answer)
    assert len(run) == 1
    assert "could not stop k3s" in said


@pytest.mark.parametrize(("active", "step"), [("active", FIRST), ("failed", AGAIN)])
def test_a_service_that_works_or_was_there_before_is_left_alone(active: str, step: Step) -> None:
    said, run = gave_up(replace(UP, active=active), step)
    assert not run
    assert "k3s is" not in said
