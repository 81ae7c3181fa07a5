"""``up`` and ``down`` leave either a whole lab or nothing, wherever they were killed."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from edgeboot.errors import Refused, StepFailed
from edgeboot_lab import lab as labs
from edgeboot_lab.lab import LabSpec

pytestmark = pytest.mark.lab

REPOSITORY = Path(__file__).parents[2]
Traces = Callable[[LabSpec], frozenset[str]]

# Runs up or down, and is SIGKILLed right after it has started its Nth command (0: never); what that
# command was is on standard output. Exit code 77: there were fewer commands than that.
DRIVER = """
import os, signal, subprocess, sys
from pathlib import Path
from edgeboot_lab import lab as labs

verb, name, state, nth = sys.argv[1], sys.argv[2], Path(sys.argv[3]), int(sys.argv[4])
count = 0
start = subprocess.Popen.__init__

def counted(self, argv, *args, **kwargs):
    global count
    count += 1
    start(self, argv, *args, **kwargs)
    if count == nth:
        print(argv, flush=True)
        os.kill(os.getpid(), signal.SIGKILL)

subprocess.Popen.__init__ = counted
if verb == "up":
    labs.up(labs.LabSpec(name=name, nodes=1, memory_bytes=512 << 20, state_dir=state), print)
else:
    labs.down(name, state, print)
sys.exit(77)
"""


def killed(verb: str, spec: LabSpec, nth: int) -> bool:
    """Run ``verb``, killing it at its ``nth`` command; False where it had fewer and is done."""
    argv = [sys.executable, "-c", DRIVER, verb, spec.name, str(spec.state_dir), str(nth)]
    # To a file: what outlives the driver must not keep this waiting at a pipe.
    spec.state_dir.mkdir(exist_ok=True)
    log = spec.state_dir.parent / f"{spec.name}-driver.log"
    with log.open("wb") as out:
        done = subprocess.run(
            argv,
            cwd=REPOSITORY,
            stdout=out,
            stderr=out,
            env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
            timeout=120,
            check=False,
        )
    if done.returncode == -signal.SIGKILL:
        return True
    assert done.returncode == 77, log.read_text()
    return False


def test_down_leaves_nothing(spec: LabSpec, traces: Traces) -> None:
    before = set(os.listdir("/sys/class/net")), traces(spec)
    said: list[str] = []
    lab = labs.up(spec, said.append)
    assert any("server-1 answers" in line for line in said)
    kinds = {trace.split()[0] for trace in traces(spec)}
    assert kinds == {"link", "netns", "mount", "cgroup", "process", "nspawn", "file"}
    with lab.hosts[0].root.joinpath("etc/hostname").open():  # somebody looks inside meanwhile
        labs.down(spec.name, spec.state_dir, said.append)
    assert traces(spec) == before[1] == frozenset()
    assert {name for name in os.listdir("/sys/class/net") if spec.name in name} == set()
    labs.down(spec.name, spec.state_dir, said.append)
    assert said[-2:] == [f"the lab '{spec.name}' is gone", f"no such lab: '{spec.name}'"]


def test_up_replaces_a_running_lab(spec: LabSpec, traces: Traces) -> None:
    labs.up(spec, print)
    first = labs.find_host("server-1", spec.name, spec.state_dir)
    pid, key = first.pid, first.ssh_argv()
    first.freeze()  # even one that cannot react
    said: list[str] = []
    labs.up(spec, said.append)
    assert f"replacing the existing lab '{spec.name}'" in said
    assert first.pid not in (None, pid)
    assert first.ssh_argv() == key
    assert len([trace for trace in traces(spec) if trace.startswith("netns")]) == 1


def test_a_lab_made_with_another_state_directory_is_replaced(
    spec: LabSpec, traces: Traces, tmp_path: Path
) -> None:
    other = replace(spec, state_dir=tmp_path / "other")
    labs.up(other, print)
    labs.up(spec, print)
    assert {trace.split()[0] for trace in traces(other)} >= {"file"}
    labs.down(spec.name, spec.state_dir, print)
    assert traces(spec) == frozenset()
    labs.down(spec.name, other.state_dir, print)
    assert traces(other) == frozenset()


def test_down_clears_the_kernel_even_where_the_files_were_lost(
    spec: LabSpec, traces: Traces
) -> None:
    lab = labs.up(spec, print)
    lab.files.record.unlink()
    with pytest.raises(Refused, match=r"no lab\.json"):
        labs.down(spec.name, spec.state_dir, print)
    assert {trace.split()[0] for trace in traces(spec)} == {"file"}
    shutil.rmtree(lab.files.root)


def test_two_labs_at_once(spec: LabSpec) -> None:
    other = replace(spec, name=f"{spec.name}-b")
    try:
        one, two = labs.up(spec, print), labs.up(other, print)
        assert one.hosts[0].lab.subnet != two.hosts[0].lab.subnet
        labs.down(spec.name, spec.state_dir, print)
        labs.wait_for_ssh(two.hosts[0], 5)
    finally:
        labs.down(other.name, other.state_dir, print)


def test_a_host_that_does_not_boot_is_shown_and_removed(spec: LabSpec, traces: Traces) -> None:
    hurried = replace(spec, boot_seconds=0.0)
    with pytest.raises(StepFailed, match=r"server-1: .*The end of its console"):
        labs.up(hurried, print)
    assert traces(spec) == frozenset()


def test_an_interrupted_up_removes_what_there_is(
    spec: LabSpec, traces: Traces, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_args: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(labs, "_wait", interrupt)
    with pytest.raises(KeyboardInterrupt):
        labs.up(spec, print)
    assert traces(spec) == frozenset()


def test_hosts_outlive_the_process_that_made_them(spec: LabSpec) -> None:
    assert not killed("up", spec, 0)
    host = labs.find_host("server-1", spec.name, spec.state_dir)
    assert host.state == "running"
    labs.wait_for_ssh(host, 5)


def test_a_lab_without_its_mount_is_not_started(spec: LabSpec) -> None:
    host = labs.up(spec, print).hosts[0]
    host.crash()
    subprocess.run(["umount", str(host.root)], check=True, timeout=10)
    with pytest.raises(Refused, match="rebooted"):
        host.start()


def test_up_killed_at_any_command_then_down(spec: LabSpec, traces: Traces) -> None:
    nth = 1
    while killed("up", spec, nth):
        labs.down(spec.name, spec.state_dir, print)
        assert traces(spec) == frozenset(), f"after command {nth}"
        nth += 1
    assert nth > 15
    labs.down(spec.name, spec.state_dir, print)


def test_up_killed_at_any_command_then_up(spec: LabSpec, traces: Traces) -> None:
    for nth in (2, 5, 8, 11, 14, 15, 16, 17, 18):
        assert killed("up", spec, nth)
        assert labs.up(spec, print).hosts[0].state == "running"
        assert len([trace for trace in traces(spec) if trace.startswith("netns")]) == 1
    labs.down(spec.name, spec.state_dir, print)
    assert traces(spec) == frozenset()


def test_down_killed_at_any_command_then_down(spec: LabSpec, traces: Traces) -> None:
    nth, killings = 1, 0
    while True:
        labs.up(spec, print)
        if not killed("down", spec, nth):
            break
        killings += 1
        labs.down(spec.name, spec.state_dir, print)
        assert traces(spec) == frozenset(), f"after command {nth}"
        nth += 1
    assert killings >= 3


_HOLDER = """
import sys, time
from pathlib import Path
from edgeboot_lab import lab as labs
from tests.support.guardian import guarded
name, state = sys.argv[1], Path(sys.argv[2])
with guarded(name, state):
    labs.up(labs.LabSpec(name=name, nodes=1, memory_bytes=512 << 20, state_dir=state), print)
    print("up", flush=True)
    time.sleep(60)
"""


def test_a_lab_goes_with_killed_tests(spec: LabSpec, traces: Traces) -> None:
    argv = [sys.executable, "-c", _HOLDER, spec.name, str(spec.state_dir)]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert "up\n" in iter(holder.stdout.readline, "")
        assert traces(spec)
        holder.kill()
    for _ in range(100):
        if not traces(spec):
            return
        time.sleep(0.1)
    assert traces(spec) == frozenset()
