"""Steps as they reach a host: commands, bounds, and what is said when one fails."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from edgeboot.blob import BytesSource, Source
from edgeboot.engine.apply import CLEAR_DEADLINE, STALL, STEP_DEADLINE, apply
from edgeboot.engine.resume import BLOCK
from edgeboot.errors import StepFailed, Unreachable
from edgeboot.events import BytesSent, Event, StepEnded, StepStarted, silent
from edgeboot.plan.facts import PartialUpload
from edgeboot.plan.reset.clear import Clear, ResetTarget
from edgeboot.plan.resources import KnownAfter
from edgeboot.plan.steps import MakeDirectory, Remove, Run, Start, Step, Upload, Write
from edgeboot.secret import Secret
from edgeboot.transport.base import Progress, Result, Snippet

MIB = 1 << 20
OK = Result(0, "", "")


@dataclass(frozen=True)
class Large:
    """A source that says it is large."""

    size: int
    sha256: str = "f" * 64

    def open(self) -> Any:
        return iter(())


@dataclass
class Recorder:
    """A transport that notes what it is told to do."""

    result: Result = OK
    node: str = "a"
    said: list[tuple[Snippet, dict[str, Any]]] = field(default_factory=list)

    def run(self, command: Snippet, *, stdin: object = None, deadline: float) -> Result:
        self.said.append((command, {"stdin": stdin, "deadline": deadline}))
        return self.result

    def put(self, source: Source, command: Snippet, *, progress: Progress, stall: float) -> Result:
        progress(source.size)
        self.said.append((command, {"size": source.size, "stall": stall}))
        return self.result


def applied(step: Step, result: Result = OK) -> tuple[Snippet, dict[str, Any]]:
    host = Recorder(result)
    apply(host, [step], silent)  # type: ignore[arg-type]
    (one,) = host.said
    return one


def plain(deadline: float = STEP_DEADLINE, stdin: object = None) -> dict[str, Any]:
    return {"stdin": stdin, "deadline": deadline}


@pytest.mark.parametrize(
    ("step", "snippet", "how"),
    [
        (MakeDirectory("/a", 0o750), Snippet("directory", ("/a", "750")), plain()),
        (Remove("/a"), Snippet("remove", ("/a",)), plain()),
        (Start("k3s", "hash", "why"), Snippet("start", ("k3s", "hash")), plain()),
        (
            Clear(ResetTarget.PATHS, ("/a",), "said"),
            Snippet("clear", ("paths", "/a")),
            plain(CLEAR_DEADLINE),
        ),
        (
            Run("hook", ("x",), "said", stdin=b"in", deadline=7.0),
            Snippet("hook", ("x",)),
            plain(7.0, b"in"),
        ),
        (Run("modules", (), "said"), Snippet("modules", ()), plain()),
    ],
)
def test_a_step_is_one_command(step: Step, snippet: Snippet, how: dict[str, Any]) -> None:
    assert applied(step) == (snippet, how)


@pytest.mark.parametrize("size", [0, 1, 5 * MIB, 700 * MIB])
def test_an_upload_may_stall_longer_the_larger_it_is(size: int) -> None:
    """The host hashes and flushes after the last byte: 5 MiB a second on a slow card."""
    source = Large(size)
    snippet, how = applied(Upload("/k3s", source, 0o755, replaces=False))
    assert snippet.parameters == ("/k3s", "755", source.sha256, str(size), "0")
    assert how["stall"] == STALL + size / (5 * MIB)
    snippet, how = applied(Write("/k3s", source, 0o755, replaces=False))
    assert snippet.parameters == ("/k3s", "755", source.sha256)
    assert how["stall"] == STALL + size / (5 * MIB)


def test_a_resumed_upload_may_stall_as_long_as_a_whole_one() -> None:
    """The host hashes all of it, not just what is sent now."""
    source = BytesSource(bytes(3 * BLOCK))
    part = PartialUpload(2 * BLOCK, BytesSource(bytes(2 * BLOCK)).sha256)
    events: list[Event] = []
    host = Recorder()
    apply(host, [Upload("/k3s", source, 0o755, False, part)], events.append)  # type: ignore[arg-type]
    ((snippet, how),) = host.said
    assert snippet.parameters[3:] == (str(3 * BLOCK), str(2 * BLOCK))
    assert how == {"size": BLOCK, "stall": STALL + 3 * BLOCK / (5 * MIB)}
    assert [e for e in events if isinstance(e, BytesSent)] == [
        BytesSent("a", "/k3s", 3 * BLOCK, 3 * BLOCK)
    ]


def test_a_write_reports_its_bytes_and_how_long_it_took() -> None:
    events: list[Event] = []
    apply(Recorder(), [Write("/c", BytesSource(b"abc"), 0o600, False)], events.append)  # type: ignore[arg-type]
    assert BytesSent("a", "/c", 3, 3) in events
    (ended,) = (event for event in events if isinstance(event, StepEnded))
    assert 0 <= ended.seconds < 3600  # a difference of two times, not a time


def test_only_uploads_hold_the_limit() -> None:
    holding: list[bool] = []
    now = [False]

    class Watching(Recorder):
        def run(self, command: Snippet, **how: Any) -> Result:
            holding.append(now[0])
            return super().run(command, **how)

        def put(self, source: Source, command: Snippet, **how: Any) -> Result:
            holding.append(now[0])
            return super().put(source, command, **how)

    class Limit:
        def __enter__(self) -> None:
            now[0] = True

        def __exit__(self, *_: object) -> None:
            now[0] = False

    upload = Upload("/k3s", Large(1), 0o755, replaces=False)
    write = Write("/config", Large(1), 0o600, replaces=False)
    apply(Watching(), [upload, write, Remove("/a"), upload], silent, Limit())  # type: ignore[arg-type]
    assert holding == [True, False, False, True]


def test_permission_is_asked_before_every_step_and_ends_the_run() -> None:
    left = [2]

    def allowed() -> None:
        if not left[0]:
            raise Unreachable("its lock was lost", where="a")
        left[0] -= 1

    host, events = Recorder(), list[Event]()
    steps = [Remove("/1"), Remove("/2"), Remove("/3"), Remove("/4")]
    with pytest.raises(Unreachable, match="lock was lost"):
        apply(host, steps, events.append, allowed=allowed)  # type: ignore[arg-type]
    assert [snippet.parameters for snippet, _ in host.said] == [("/1",), ("/2",)]
    ended = [(e.step, e.error) for e in events if isinstance(e, StepEnded)]
    assert ended == [("remove /1", None), ("remove /2", None), ("remove /3", "its lock was lost")]
    assert len([e for e in events if isinstance(e, StepStarted)]) == 3


@pytest.mark.parametrize(
    ("result", "said"),
    [
        (Result(4, "out", "err\n"), "exit code 4: err"),
        (Result(4, "out\n", ""), "exit code 4: out"),
        (Result(1, "", ""), "exit code 1: "),
    ],
)
def test_a_failed_step_says_what_the_host_said(result: Result, said: str) -> None:
    with pytest.raises(StepFailed, match="remove /a: " + said) as caught:
        applied(Remove("/a"), result)
    assert (caught.value.where, caught.value.hint) == ("a", Run.hint)
    assert caught.value.error_id == "step-failed"


def test_a_failed_snippet_has_a_hint_and_an_id_of_its_own() -> None:
    step = Run("rotate-token", (), "said", hint="do that", error_id="token-not-changed")
    with pytest.raises(StepFailed) as caught:
        applied(step, Result(1, "", "no"))
    assert (caught.value.hint, caught.value.error_id) == ("do that", "token-not-changed")
    with pytest.raises(StepFailed) as caught:
        applied(replace(step, snippet="hook"), Result(1, "", "no"))
    assert caught.value.error_id == "hook-failed"


def test_a_secret_is_sent_and_what_is_not_known_is_not() -> None:
    snippet, how = applied(Write("/token", Secret(b"word"), 0o600, replaces=False))
    assert snippet.parameters == ("/token", "600", BytesSource(b"word").sha256)
    assert how["size"] == 4
    with pytest.raises(StepFailed, match="known after server-1 is up"):
        applied(Write("/token", KnownAfter("server-1 is up"), 0o600, replaces=False))
