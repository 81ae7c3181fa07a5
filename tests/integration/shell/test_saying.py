"""Which lines of a service's journal and of containerd's log a host hands out."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from tests.integration.shell.snippets import Host

OLD = 'level=error msg="dial tcp 192.0.2.1:6443: connect: connection refused"'
JOURNAL = f"""\
Starting k3s-agent.service - Lightweight Kubernetes...
{OLD}
k3s-agent.service: Main process exited, code=exited, status=1/FAILURE
Starting k3s-agent.service - Lightweight Kubernetes...
time="t" level=info msg="Starting k3s agent v1.36.2+k3s1 (abc)"
level=info msg=working
"""
LOG = """\
level=info msg="starting containerd" revision=a
level=error msg="old complaint"
level=info msg="starting containerd" revision=b
level=warning msg="failed to load plugin" error="no devmapper" id=io.containerd.snapshotter.v1
level=warning msg="failed to load plugin" error="too many open files" id=io.containerd.grpc.v1.cri
"""


@pytest.fixture
def host(sh: tuple[str, ...], tmp_path: Path) -> Host:
    """A host whose manager is systemd, whatever this machine has."""
    made = Host(sh, tmp_path)
    (tmp_path / "run/systemd/system").mkdir(parents=True)
    return made


def look(host: Host, *, active: str, restarts: int, pid: int = 0) -> dict[str, str]:
    """The sections of ``status.sh``."""
    host.program(
        "systemctl",
        f'case "$*" in is-active*) echo {active} ;; *NRestarts*) echo {restarts} ;; '
        f"*MainPID*) echo {pid} ;; esac",
    )
    host.program("journalctl", f"cat <<'END'\n{JOURNAL}END")
    places = {
        "/run/systemd/system": str(host.root / "run/systemd/system"),
        "/var/lib/rancher": str(host.root / "rancher"),
        # Nothing listens there, whatever this machine runs.
        "/proc/net/tcp": str(host.root / "tcp"),
    }
    done = host.run("status", "agent", "k3s-agent", "more", **places)
    sections: dict[str, str] = {}
    for line in done.stdout.splitlines():
        if line.startswith("== "):
            name = line.split()[1]
            sections[name] = ""
        else:
            sections[name] += line + "\n"
    return sections


def test_a_running_service_says_what_it_said_since_its_present_start(host: Host) -> None:
    said = look(host, active="active", restarts=0)["journal"]
    assert "level=info msg=working" in said
    assert "connection refused" not in said
    since = next(line for line in host.said() if line.startswith("journalctl"))
    assert time.time() - int(since.partition("-S @")[2].split()[0]) < 700


def test_a_service_that_fails_over_and_over_says_why_it_ended_before(host: Host) -> None:
    assert "connection refused" in look(host, active="activating", restarts=3)["journal"]


def test_a_service_that_starts_for_the_first_time_has_no_past(host: Host) -> None:
    assert "connection refused" not in look(host, active="activating", restarts=0)["journal"]


def containerd_log(host: Host) -> Path:
    log = host.root / "rancher/k3s/agent/containerd/containerd.log"
    log.parent.mkdir(parents=True)
    log.write_text(LOG)
    return log


def test_containerds_complaints_of_its_present_start_are_handed_out(host: Host) -> None:
    containerd_log(host)
    said = look(host, active="active", restarts=0)["containerd"]
    assert "too many open files" in said
    assert "old complaint" not in said
    assert "devmapper" not in said


def test_a_log_of_an_earlier_start_is_not(host: Host) -> None:
    log = containerd_log(host)
    os.utime(log, (1, 1))
    found = look(host, active="active", restarts=0, pid=os.getpid())
    assert found["containerd"].strip() == ""


def test_a_kubelet_that_listens_needs_no_explanation(host: Host) -> None:
    containerd_log(host)
    (host.root / "tcp").write_text("   1: 0100007F:280A 00000000:0000 0A 0\n")
    assert "containerd" not in look(host, active="active", restarts=0)
