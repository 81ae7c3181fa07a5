"""``sample.sh`` in the shells that hosts have, over control groups that are made of files."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from edgeboot import shell
from edgeboot.verify.measure.figures import usage_of
from edgeboot.verify.measure.samples import parse_sampling
from edgeboot.verify.measure.usage import Usage

MIB = 1 << 20


@pytest.fixture
def process() -> Iterator[int]:
    """A process that stands for K3s: some memory, some files."""
    code = "import time; x = bytearray(32 << 20); f = [open('/dev/null') for _ in range(40)]; "
    running = subprocess.Popen(
        [sys.executable, "-c", code + "print(flush=True); time.sleep(60)"], stdout=subprocess.PIPE
    )
    assert running.stdout is not None
    running.stdout.readline()
    try:
        yield running.pid
    finally:
        running.kill()
        running.communicate()


def sampled(sh: tuple[str, ...], top: Path, pid: int, groups: str) -> Usage:
    """The figures of a window; ``top`` is in place of /sys/fs/cgroup."""
    (top / "of-process").write_text(groups)
    text = (
        shell.text("sample")
        .replace("/sys/fs/cgroup", str(top))
        .replace('"/proc/$pid/cgroup"', f'"{top}/of-process"')
        .replace("set -u\n", f"set -u\nservice_pid() {{ echo {pid}; }}\n")
        .replace("/var/lib/rancher", str(top))
    )
    argv = [*sh, "-c", text, "sample", "k3s", "2", str(top)]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=True)
    return usage_of(parse_sampling(done.stdout))


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def test_version_2(sh: tuple[str, ...], tmp_path: Path, process: int) -> None:
    group = tmp_path / "system.slice" / "k3s.service"
    write(tmp_path / "cgroup.controllers", "cpu memory pids\n")
    write(tmp_path / "memory.max", f"{512 * MIB}\n")
    write(tmp_path / "memory.current", f"{500 * MIB}\n")
    write(tmp_path / "memory.stat", f"anon {400 * MIB}\ninactive_file {60 * MIB}\n")
    stat = f"anon {100 * MIB}\nfile 9\nkernel {MIB}\nshmem {2 * MIB}\nfile_mapped {3 * MIB}\n"
    write(group / "memory.stat", f"{stat}active_file {900 * MIB}\n")
    write(group / "cpu.stat", "usage_usec 1000\nuser_usec 1\nnr_periods 0\nnr_throttled 0\n")
    write(group / "cgroup.procs", f"{process}\n")
    usage = sampled(sh, tmp_path, process, "0::/system.slice/k3s.service\n")
    assert usage.method == "cgroup"
    assert usage.value("memory") == 106 * MIB
    assert usage.value("cpu") == 0
    assert usage.value("throttled") == 0
    assert usage.value("memory-available") == 72 * MIB
    assert usage.value("k3s.memory") > 32 * MIB
    assert usage.value("files") >= 43
    assert usage.value("disk-free") > 0


def test_version_1(sh: tuple[str, ...], tmp_path: Path, process: int) -> None:
    for controller in ("memory", "cpuacct"):
        write(tmp_path / controller / "x/k3s.service/cgroup.procs", f"{process}\n")
    group = tmp_path / "memory/x/k3s.service"
    write(tmp_path / "memory/memory.limit_in_bytes", "9223372036854771712\n")
    write(
        group / "memory.stat", f"rss 1\ntotal_rss {90 * MIB}\ntotal_shmem 0\ntotal_mapped_file 0\n"
    )
    write(group / "memory.kmem.usage_in_bytes", f"{5 * MIB}\n")
    write(tmp_path / "cpuacct/x/k3s.service/cpuacct.usage", "123456789\n")
    groups = "4:memory:/x/k3s.service\n3:cpu,cpuacct:/\n2:cpuacct:/x/k3s.service\n1:cpu:/\n"
    usage = sampled(sh, tmp_path, process, groups)
    assert usage.method == "cgroup"
    assert usage.value("memory") == 95 * MIB
    assert usage.value("files") >= 43


def test_a_shared_group_is_not_taken_for_the_services_own(
    sh: tuple[str, ...], tmp_path: Path, process: int
) -> None:
    write(tmp_path / "memory/memory.stat", f"total_rss {900 * MIB}\n")
    write(tmp_path / "cpuacct/cpuacct.usage", "1\n")
    usage = sampled(sh, tmp_path, process, "4:memory:/\n2:cpuacct:/\n")
    assert usage.method == "processes"


def test_a_service_without_a_process_is_said_to_have_none(sh: tuple[str, ...]) -> None:
    text = shell.text("sample")
    argv = [*sh, "-c", text, "sample", "no-such-service", "1", "/etc"]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    assert done.stderr == "no-such-service has no process\n"
