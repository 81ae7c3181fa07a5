"""Reading hosts, many at once, rebooting them, and resuming uploads: the edges."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from edgeboot.blob import BytesSource
from edgeboot.engine.fleet import FleetError, on_all, require_all
from edgeboot.engine.observe import new_run, observe, observe_locked, status, survey
from edgeboot.engine.reboot import PAUSE, reboot
from edgeboot.engine.resume import BLOCK, Rest, agreed_offset
from edgeboot.errors import BadInput, Refused, StepFailed, Unreachable
from edgeboot.events import Event, Waiting
from edgeboot.plan.facts import PartialUpload
from edgeboot.transport.base import Result, Snippet


class Host:
    """A transport with prepared answers; the last one stays."""

    node = "pi"

    def __init__(self, *answers: Result | Exception) -> None:
        self.answers = list(answers)
        self.said: list[Snippet] = []
        self.connections = 1

    def run(self, command: Snippet, **_: object) -> Result:
        self.said.append(command)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer

    def hold(self, command: Snippet, **_: object) -> Result:
        return self.run(command)

    def reconnect(self) -> None:
        self.connections += 1


def test_every_host_has_its_result_or_its_error() -> None:
    def work(name: str) -> str:
        if name == "b":
            raise Unreachable("off", where=name)
        return name.upper()

    results, errors = on_all("abc", work, workers=1)
    assert results == {"a": "A", "c": "C"}
    assert {name: error.what for name, error in errors.items()} == {"b": "off"}
    assert on_all((), work) == ({}, {})
    with pytest.raises(FleetError, match="b: off") as caught:
        require_all("abc", work)
    assert caught.value.exit_code == 3
    assert require_all("ac", work) == {"a": "A", "c": "C"}


def test_the_gravest_error_decides_the_exit_code() -> None:
    errors = {"a": Unreachable("off"), "b": BadInput("wrong"), "c": StepFailed("no")}
    assert FleetError(errors).exit_code == 2


@pytest.mark.parametrize("read", [observe, survey])
def test_what_cannot_be_read_is_said_in_the_hosts_words(read: object) -> None:
    for result, words in (
        (Result(127, "", "sh: flock: not found\n"), "(exit code 127): sh: flock: not found"),
        (Result(1, "out\n", ""), "(exit code 1): out"),
        (Result(1, "", ""), "(exit code 1): no output"),
    ):
        with pytest.raises(StepFailed) as caught:
            read(Host(result))  # type: ignore[operator]
        assert words in caught.value.what
        assert caught.value.where == "pi"


@pytest.mark.parametrize(
    ("output", "holder"),
    [
        ("locked-by me@here since now\n", "me@here since now"),
        ("locked-by me@here since now\nlocked-run other/pi-2\n", "me@here since now"),
        ("", "unknown"),
    ],
)
def test_a_lock_that_another_run_holds_is_refused(output: str, holder: str) -> None:
    with pytest.raises(Refused) as caught:
        observe_locked(Host(Result(75, output, "")), "run")  # type: ignore[arg-type]
    assert caught.value.what.endswith(f": {holder}")
    assert caught.value.error_id == "locked"
    with pytest.raises(StepFailed):
        observe_locked(Host(Result(74, output, "")), "run")  # type: ignore[arg-type]


def test_a_host_that_the_same_run_has_locked_under_another_name_is_one_host() -> None:
    host = Host(Result(75, "locked-by me@here since now\nlocked-run abc/pi-2\n", ""))
    with pytest.raises(Refused, match="pi and pi-2 are the same host") as caught:
        observe_locked(host, "abc")  # type: ignore[arg-type]
    assert caught.value.error_id == "preflight"


def test_the_lock_has_its_run_and_who_holds_it() -> None:
    host = Host(Result(75, "", ""))
    with pytest.raises(Refused):
        observe_locked(host, "abc")  # type: ignore[arg-type]
    lock, holder, *targets = host.said[0].parameters
    assert lock == "hold:abc/pi"
    assert "@" in holder
    assert "(process " in holder
    assert "file:/usr/local/bin/k3s" in targets
    assert len({new_run() for _ in range(50)}) == 50


@pytest.mark.parametrize("more", [False, True])
def test_a_status_is_asked_for_with_more_for_people(more: bool) -> None:
    host = Host(Result(0, "", ""))
    status(host, "agent", "k3s-agent", more=more)  # type: ignore[arg-type]
    assert host.said[0] == Snippet("status", ("agent", "k3s-agent", *(("more",) if more else ())))


def rebooted(host: Host, events: list[Event], patience: float = 10 * PAUSE) -> list[float]:
    waited: list[float] = []
    reboot(
        host,  # type: ignore[arg-type]
        "old",
        events.append,
        patience=patience,
        sleep=waited.append,
        clock=lambda: sum(waited),
    )
    return waited


def test_a_host_that_has_rebooted_already_is_left_alone() -> None:
    host, events = Host(Result(0, "new\n", "")), list[Event]()
    assert rebooted(host, events) == []
    assert (host.connections, events) == (1, [])


def test_a_reboot_is_asked_for_again_until_the_boot_is_another() -> None:
    host = Host(
        Result(0, "old\n", ""),
        Result(0, "old\n", ""),
        Unreachable("no route"),
        Refused("users may not log in yet"),
        Result(0, "", ""),
        Result(0, "new\n", ""),
    )
    events: list[Event] = []
    assert rebooted(host, events) == [PAUSE] * 5
    assert host.connections == 6
    assert events == [Waiting("pi", "it is rebooting")]


def test_a_host_that_does_not_reboot_fails_at_the_deadline() -> None:
    with pytest.raises(
        StepFailed, match=r"not back 6 s after the reboot: it has not shut down yet"
    ):
        rebooted(Host(Result(0, "old\n", "")), [], patience=2 * PAUSE)


class Chunks:
    """A source in small chunks, which counts how many are read."""

    def __init__(self, data: bytes, length: int) -> None:
        self.data, self.length, self.read = data, length, 0

    @property
    def size(self) -> int:
        return len(self.data)

    @property
    def sha256(self) -> str:
        return BytesSource(self.data).sha256

    def open(self) -> Iterator[bytes]:
        for start in range(0, len(self.data), self.length):
            self.read += 1
            yield self.data[start : start + self.length]


def part(data: bytes) -> PartialUpload:
    return PartialUpload(len(data), BytesSource(data).sha256)


def test_no_more_of_a_source_is_read_than_the_host_has() -> None:
    data = bytes(range(256)) * (BLOCK // 64)
    source = Chunks(data, 1000)
    assert agreed_offset(source, part(data[: BLOCK + 10])) == BLOCK
    assert source.read == (BLOCK + 10) // 1000 + 1
    source.read = 0
    assert agreed_offset(source, part(b"")) == 0
    assert source.read == 0


def test_a_whole_file_that_is_there_is_agreed_on() -> None:
    data = bytes(2 * BLOCK)
    assert agreed_offset(Chunks(data, 1000), part(data)) == 2 * BLOCK


@pytest.mark.parametrize("offset", [0, 999, 1000, 1001, 2000, 2500])
def test_the_rest_has_no_empty_chunk(offset: int) -> None:
    data = bytes(range(250)) * 10
    chunks = list(Rest(Chunks(data, 1000), offset).open())
    assert b"".join(chunks) == data[offset:]
    assert all(chunks)


def test_a_trap_on_the_host_is_a_refusal_that_names_it() -> None:
    said = "/var/lib/edgeboot/lock is not edgeboot's own file: find out who made it"
    with pytest.raises(Refused) as caught:
        observe(Host(Result(77, "", f"{said}\n")))  # type: ignore[arg-type]
    assert caught.value.what == said


def test_the_lock_of_a_dead_run_of_this_controller_is_taken_over() -> None:
    host = Host(Result(75, "locked-by me@here since now\nlocked-run dead/pi\n", ""))
    with pytest.raises(Refused):
        observe_locked(host, "new", is_dead=lambda run: run == "dead")  # type: ignore[arg-type]
    assert [said.parameters[0] for said in host.said] == ["hold:new/pi", "hold:new/pi,dead/pi"]
    host.said.clear()
    with pytest.raises(Refused):
        observe_locked(host, "new", is_dead=lambda _run: False)  # type: ignore[arg-type]
    assert [said.parameters[0] for said in host.said] == ["hold:new/pi"]
