"""The log of a run: kept, rotated, redacted, and never in the way of the run itself."""

from __future__ import annotations

import resource
import signal
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from edgeboot.cli.run.log import KEPT, logged
from edgeboot.errors import Refused
from edgeboot.events import StepEnded, StepStarted
from edgeboot.inventory.model import Cluster, Node, Role

CLUSTER = Cluster("edge", (Node("server-1", "192.0.2.11", Role.SERVER),))


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return tmp_path / "state"


@pytest.fixture
def disk_full() -> Iterator[None]:
    """No file may grow beyond 200 bytes: it holds for root, too."""
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (200, hard))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    signal.signal(signal.SIGXFSZ, before)


def logs(state: Path) -> list[Path]:
    return sorted((state / "edgeboot/edge/logs").iterdir())


def test_it_holds_what_was_shown_without_secrets(
    state: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shown: list[object] = []
    with logged(CLUSTER, "install") as log:
        listener = log.listening(shown.append)
        listener(StepStarted("server-1", "start k3s"))
        listener(StepEnded("server-1", "start k3s", 2.0, "password=hunter2 refused"))
    (path,) = logs(state)
    text = path.read_text()
    assert "server-1: start k3s: begun" in text
    assert "hunter2" not in text
    assert "<secret>" in text
    assert text.splitlines()[-1].endswith(" ended")
    assert len(shown) == 2
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert capsys.readouterr().err == ""


def test_the_newest_are_kept(state: Path) -> None:
    directory = state / "edgeboot/edge/logs"
    directory.mkdir(parents=True)
    for day in range(1, KEPT + 6):
        (directory / f"202001{day:02}T000000-1-install.log").touch()
    (directory / "notes.txt").touch()
    with logged(CLUSTER, "install"):
        pass
    found = [path.name for path in logs(state)]
    assert "notes.txt" in found, "not a log: not ours to remove"
    found.remove("notes.txt")
    assert len(found) == KEPT
    assert found[:-1] == [f"202001{day:02}T000000-1-install.log" for day in range(7, KEPT + 6)]
    assert found[-1].endswith("-install.log")


def test_a_failed_run_names_its_log(state: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(Refused), logged(CLUSTER, "install"):
        raise Refused("no")
    (path,) = logs(state)
    assert capsys.readouterr().err == f"log: {path}\n"
    assert "ended: Refused: no" in path.read_text()


@pytest.mark.parametrize("blocked", ["", "edgeboot", "edgeboot/edge", "edgeboot/edge/logs"])
def test_a_log_that_cannot_be_made_is_reported_once_and_stops_nothing(
    state: Path, blocked: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """A file in the way holds for root, too."""
    (state / blocked).parent.mkdir(parents=True, exist_ok=True)
    (state / blocked).touch()
    done = False
    with logged(CLUSTER, "install") as log:
        log.write("one")
        log.write("two")
        done = True
    assert done
    said = capsys.readouterr().err
    assert said.count("warning: this run has no log: cannot write ") == 1
    assert str(state) in said
    assert said.count("\n") == 1


@pytest.mark.usefixtures("disk_full")
def test_a_disk_that_fills_up_is_reported_once_and_stops_nothing(
    state: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    done = False
    with logged(CLUSTER, "install") as log:
        for _ in range(20):
            log.write("a line that takes room")
        done = True
    assert done
    assert logs(state)[0].stat().st_size <= 200
    assert capsys.readouterr().err.count("warning: the log of this run is incomplete: ") == 1
