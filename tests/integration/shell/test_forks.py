"""How many programs the snippets start that look at a host: a number that its load does not change.

A namespace numbers its processes one after another, so the count is exact.
"""

from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path

import pytest

from edgeboot import shell
from edgeboot.engine.observe import TARGETS
from tests.integration.shell.busy_host import PORTS
from tests.integration.shell.jail import Jail

BUSY = Path(__file__).with_name("busy_host.py")
NAMESPACES = ("unshare", "--pid", "--net", "--mount", "--fork", "--mount-proc")

# What each may start on a host without K3s. A command substitution counts as one, a pipe as many.
MOST = {
    ("observe", "free", "-", *TARGETS): 160,
    ("survey",): 100,
    ("status", "server", "k3s", "more"): 30,
    ("inspect", "k3s", "/etc/hostname"): 50,
}


def can_unshare() -> bool:
    return subprocess.run([*NAMESPACES, "true"], capture_output=True).returncode == 0


def started(sh: tuple[str, ...], words: tuple[str, ...], processes: int) -> tuple[int, str]:
    """How many processes a snippet started among so many, and its output."""
    argv = [*NAMESPACES, sys.executable, str(BUSY), str(processes)]
    argv += [*sh, "-c", shell.text(words[0]), *words]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    number, _, output = done.stdout.partition("\n")
    return int(number), output


@pytest.mark.skipif(not can_unshare(), reason="needs namespaces of its own")
@pytest.mark.parametrize(("words", "most"), MOST.items(), ids=[words[0] for words in MOST])
def test_a_look_starts_as_many_programs_on_a_busy_host_as_on_an_idle_one(
    sh: tuple[str, ...], words: tuple[str, ...], most: int
) -> None:
    idle, _ = started(sh, words, 2)
    busy, output = started(sh, words, 60)
    assert busy <= idle + 5
    assert busy <= most
    if words[0] == "observe":
        for port in PORTS:
            assert f"\nlisten {port} python3" in output or f"\nlisten {port} python" in output


SHA = hashlib.sha256(b"new\n").hexdigest()
CHANGES = {
    f"put.sh /etc/site/file 600 {SHA}": 45,
    f"put.sh /etc/site/file 600 {SHA} 70000 65536": 45,
    "directory.sh /etc/site/deep 700": 20,
    "remove.sh /etc/site/file": 30,
    "hook.sh hook-x hash 5 node agent": 45,
    "clear.sh processes": 30,
    "clear.sh mounts": 30,
    "clear.sh paths /var/lib/rancher/k3s /etc/rancher/k3s": 60,
    "clear.sh record": 10,
}


@pytest.mark.skipif(not can_unshare(), reason="needs namespaces of its own")
@pytest.mark.parametrize("words", CHANGES)
def test_a_change_starts_few_programs_on_a_busy_host(
    sh: tuple[str, ...], tmp_path: Path, words: str
) -> None:
    jail = Jail(sh, tmp_path)
    (jail.root / "etc/site").mkdir(mode=0o755)
    jail.file("/var/lib/rancher/k3s/server/token", "x")
    last = "cat /proc/sys/kernel/ns_last_pid"

    script = f"""
i=0; while [ $i -lt 60 ]; do sleep 600 & i=$((i + 1)); done
before=$({last}); printf 'new\\n' | $SH /snippets/{words} >/dev/null; code=$?
echo $(($({last}) - before)) $code; kill $(jobs -p)
"""
    done = jail.run(script)
    count, _ = map(int, done.stdout.split())
    assert count <= CHANGES[words], done.stderr
