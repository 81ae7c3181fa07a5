"""What runs, since when and how long still; errors of one cause told once."""

from __future__ import annotations

from edgeboot.cli.run.causes import by_cause
from edgeboot.cli.terminal.running import Running
from edgeboot.errors import EdgebootError, Unreachable
from edgeboot.events import (
    BytesFetched,
    BytesSent,
    StepEnded,
    StepStarted,
    WaitEnded,
    Waiting,
    WorkEnded,
    WorkStarted,
)


def test_equal_work_of_hosts_is_one_line_with_its_times() -> None:
    now = [100.0]
    running = Running(lambda: now[0])
    for node in "abcdef":
        running.follow(WorkStarted(node, "connecting", 30))
    now[0] += 12
    assert running.lines() == [
        "a, b, c, d and 2 more: connecting, for 12 s, at most 18 s more",
    ]
    assert running.lines(older=13) == []
    for node in "abcdef":
        running.follow(WorkEnded(node))
    assert running.lines() == []


def test_a_wait_keeps_its_beginning_though_its_reason_changes() -> None:
    now = [0.0]
    running = Running(lambda: now[0])
    running.follow(Waiting("a", "the API does not answer", 900))
    now[0] += 100
    running.follow(Waiting("a", "it is not Ready", 800))
    assert running.lines() == [
        "a: waiting: it is not Ready, for 1 min 40 s, at most 13 min 20 s more"
    ]
    running.follow(WaitEnded("a"))
    assert running.lines() == []


def test_an_upload_and_a_download_say_how_far_they_are() -> None:
    running = Running(lambda: 0.0)
    running.follow(StepStarted("a", "upload k3s"))
    running.follow(BytesSent("a", "/usr/local/bin/k3s", 5 << 20, 60 << 20))
    running.follow(BytesFetched("https://h/k3s", 1 << 20, 2 << 20))
    assert running.lines() == [
        "a: upload k3s: 5.0 of 60.0 MiB, for 0 s",
        "fetching k3s: 1.0 of 2.0 MiB, for 0 s",
    ]
    running.follow(StepEnded("a", "upload k3s", 1.0))
    running.follow(BytesFetched("https://h/k3s", 2 << 20, 2 << 20))
    assert running.lines() == []


def test_one_cause_is_told_once_with_its_hosts() -> None:
    errors: dict[str, EdgebootError] = {
        n: Unreachable("no answer in time", where=f"{n} (pi@192.0.2.{n}:22)", hint="check it")
        for n in "12345678"
    }
    errors["9"] = Unreachable("connection refused", where="9 (pi@192.0.2.9:22)", hint="check it")
    told = [error.tell() for error in by_cause(errors)]
    assert told == [
        "8 hosts (1, 2, 3, 4, 5, 6 and 2 more): no answer in time [unreachable]\n  next: check it",
        "9 (pi@192.0.2.9:22): connection refused [unreachable]\n  next: check it",
    ]
