"""Verify on booted hosts: meters against independent readings, hosts broken on purpose. In order.

The stand-in only calibrates the meters: it runs no pod, and its figures are not K3s's.
"""

from __future__ import annotations

import itertools
import json
import os
import re
import signal
import subprocess
import threading
import time
from collections.abc import Mapping
from pathlib import Path

import pytest

from edgeboot.cli.run.connect import connected
from edgeboot.cli.run.inputs import open_bundle
from edgeboot.inventory.load import load
from edgeboot.inventory.model import Role
from edgeboot.lifecycle.expectations import cluster_expectation, expectations
from edgeboot.verify.results import Category, Outcome
from edgeboot.verify.selection import CheckSelection
from edgeboot.verify.suite import Fleet as Hosts
from edgeboot.verify.suite import verify
from tests.support.fleet import Fleet

pytestmark = pytest.mark.usefixtures("bare_module")

REAL = bool(os.environ.get("K3S_RELEASE"))
standin_only = pytest.mark.skipif(REAL, reason="a real K3s does not misbehave on demand")
MIB = 1 << 20
V1 = Path("/sys/fs/cgroup/memory/cgroup.procs").exists()
LIMITS = {
    "memory": 150 * MIB,
    "cpu": 150,  # a machine that is busy itself cannot burn more for sure
    "disk": 400 * MIB,
    "files": 300,
    "k3s.writes": 512 << 10,
}
_PODS = {"pod_runs", "dns_from_pod", "dns_from_node", "pod_traffic", "ingress", "storage"}


def test_a_fresh_cluster_is_what_was_asked_for(bare_module: Fleet) -> None:
    """All is well; pods are asked about, and below a real K3s nobody knows what became of them."""
    assert bare_module.install(bare_module.inventory()).code == 0
    inventory = bare_module.inventory()
    reports = [bare_module.work / name for name in ("a.html", "a.json", "a.xml", "a.prom")]
    words = [word for path in reports for word in ("--report", path)]
    before = _logins(bare_module)
    done = bare_module.run("verify", "-i", inventory, "--window", "3s", *words, "-o", "json")
    after = _logins(bare_module)
    found = json.loads(done.out)
    ends = {check["outcome"] for check in found["checks"] if check["check"] not in _PODS}
    assert ends == {"passed"}, [c for c in found["checks"] if c["outcome"] != "passed"]
    pods = {c["outcome"] for c in found["checks"] if c["check"] in _PODS}
    assert (pods, done.code) == (({"passed"}, 0) if REAL else ({"not measured"}, 6)), done.all
    assert {node: after[node] - before[node] for node in after} == dict.fromkeys(after, 1)
    assert all(path.stat().st_size > 1000 for path in reports)
    left = bare_module.on("server-1", "k3s kubectl get namespaces -o name")
    assert "edgeboot-probe" not in left or REAL  # K3s takes a while to end them
    for name in ("server-1", "agent-1", "agent-2"):
        figures = found["nodes"][name]["figures"]
        assert figures["memory"]["used"] > MIB
        assert figures["startup"]["used"] > 0


def test_verifying_writes_nothing_to_the_hosts(
    bare_module: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And runs all its checks, whatever pytest is told by the operator's environment."""
    before = bare_module.ours("agent-1")
    monkeypatch.setenv("PYTEST_ADDOPTS", "--collect-only -k api")
    done = bare_module.run("verify", "-i", bare_module.inventory(), "--window", "2s", "--no-pods")
    assert done.code == 0, done.all
    passed = re.search(r"(\d+) of (\d+) checks passed", done.out)
    assert passed is not None, done.all
    assert int(passed[1]) == int(passed[2]) > 50
    assert bare_module.ours("agent-1") == before


def test_a_recorded_budget_holds_and_can_be_used(bare_module: Fleet) -> None:
    inventory, path = bare_module.inventory(), bare_module.work / "site.yml"
    words = ("verify", "-i", inventory, "--only", "budget", "--window", "3s")
    done = bare_module.run(*words, "--record", path, "--margin", "200")
    assert done.code == 0, done.all
    assert "server:" in path.read_text()
    done = bare_module.run(*words, "--budget", path, "-k", "memory or disk or files")
    assert done.code == 0, done.all


class Meter:
    """This machine's own readings of the hosts' K3s, which edgeboot has no part in.

    By their control group where they have one, else by their processes.
    """

    def __init__(self, fleet: Fleet, *, groups: bool) -> None:
        self.fleet, self.groups = fleet, groups
        self.cpu: dict[str, list[tuple[float, float]]] = {h.name: [] for h in fleet.lab.hosts}
        self.held: dict[str, list[tuple[float, int]]] = {h.name: [] for h in fleet.lab.hosts}
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Meter:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _watch(self) -> None:
        for turn in itertools.count():
            if self._stop.wait(0.05):
                return
            for node, seen in self.cpu.items():
                seen.append((time.clock_gettime(time.CLOCK_BOOTTIME), self._spent(node)))
                if turn % 10 == 0:
                    self.held[node].append((seen[-1][0], self._memory(node)))

    def _spent(self, node: str) -> float:
        """CPU seconds so far."""
        if self.groups:
            return int(self._group(node, "cpuacct", "cpuacct.usage").read_text()) / 1e9
        stats = (Path(f"/proc/{pid}/stat").read_text() for pid in self._processes(node))
        fields = (text.rpartition(") ")[2].split() for text in stats)
        return sum(sum(map(int, some[11:15])) for some in fields) / os.sysconf("SC_CLK_TCK")

    def millicores(self, node: str, began: float, ended: float) -> float:
        """Over a time that lies within what was watched."""
        spent = _at(self.cpu[node], ended) - _at(self.cpu[node], began)
        return spent / (ended - began) * 1000

    def memory(self, node: str, began: float, ended: float) -> list[int]:
        """What it held at some times around a while, as it comes and goes."""
        return [held for at, held in self.held[node] if began - 1 <= at <= ended + 1]

    def _memory(self, node: str) -> int:
        if not self.groups:
            rolled = (Path(f"/proc/{p}/smaps_rollup").read_text() for p in self._processes(node))
            return sum(int(text.partition("\nPss:")[2].split()[0]) for text in rolled) * 1024
        stat = dict(
            line.split()
            for line in self._group(node, "memory", "memory.stat").read_text().splitlines()
        )
        kernel = int(self._group(node, "memory", "memory.kmem.usage_in_bytes").read_text())
        return kernel + sum(int(stat[f"total_{key}"]) for key in ("rss", "shmem", "mapped_file"))

    def files(self, node: str) -> int:
        return sum(len(list(Path(f"/proc/{p}/fd").iterdir())) for p in self._processes(node))

    def disk(self, node: str) -> int:
        """Blocks of every file, counted here and not by du on the host."""
        host = self.fleet.lab.host(node)
        tops = (host.path("/var/lib/rancher"), host.path("/var/lib/edgeboot"))
        found = [host.path("/usr/local/bin/k3s"), *tops, *(p for t in tops for p in t.rglob("*"))]
        blocks = {(s.st_dev, s.st_ino): s.st_blocks for s in map(os.lstat, found)}
        return sum(blocks.values()) * 512

    def _group(self, node: str, controller: str, file: str) -> Path:
        top = Path("/sys/fs/cgroup") / controller / self.fleet.lab.host(node).cgroup
        return top / service_of(node) / file

    def _processes(self, node: str) -> list[int]:
        top = Path("/sys/fs/cgroup/memory") / self.fleet.lab.host(node).cgroup
        lists = (path.read_text() for path in top.rglob("cgroup.procs"))
        pids = [int(pid) for text in lists for pid in text.split()]
        return [pid for pid in pids if _program(pid) == "/usr/local/bin/k3s"]


def _program(pid: int) -> str:
    try:
        return os.readlink(f"/proc/{pid}/exe")
    except OSError:
        return ""


def service_of(node: str) -> str:
    return "k3s" if node.startswith("server") else "k3s-agent"


# What a manager of services does that uses the controllers; systemd in a lab host does not.
_OWN_GROUP = """
for controller in memory cpuacct; do
    top=/sys/fs/cgroup/$controller
    mount -o remount,rw,bind $top
    mkdir -p $top/{service}
    echo $(systemctl show {service} -p MainPID --value) >$top/{service}/cgroup.procs
done
"""


@standin_only
@pytest.mark.skipif(not V1, reason="reads cgroup v1 as this project's machines have it")
def test_exactly_the_budgets_that_are_missed_turn_red(bare_module: Fleet) -> None:
    """Three hosts misbehave, each twice; this machine's own readings agree within 5 %."""
    red = _misbehaving(
        bare_module,
        {"server-1": "delay 2000", "agent-1": "memory 300", "agent-2": "cpu 600"},
        groups=False,
    )
    assert red == {("server-1", "api-latency"), ("agent-1", "memory"), ("agent-2", "cpu")}
    for host in bare_module.lab.hosts:
        bare_module.on(host.name, _OWN_GROUP.format(service=service_of(host.name)))
    # A page stays charged to the group its process was in: it is what is new that counts here.
    wishes = {"server-1": "files 500", "agent-1": "disk 500", "agent-2": "writes 2048"}
    sizes = {"server-1": 100, "agent-1": 110, "agent-2": 250}
    red = _misbehaving(
        bare_module,
        {node: f"{wish}\\nmemory {sizes[node]}" for node, wish in wishes.items()},
        groups=True,
    )
    assert red == {
        *(("server-1", "files"), ("agent-1", "disk")),
        *(("agent-2", "k3s.writes"), ("agent-2", "memory")),
    }


def _misbehaving(fleet: Fleet, wishes: Mapping[str, str], *, groups: bool) -> set[tuple[str, str]]:
    for node, text in wishes.items():
        fleet.on(node, f"printf '{text}\n' >/run/k3s/standin-misbehave; sleep 2")
    cluster = load(fleet.inventory())
    with (
        open_bundle(cluster, fleet.bundle) as bundle,
        connected(cluster, accept_new=False) as transports,
        Meter(fleet, groups=groups) as meter,
    ):
        named = {Role.SERVER: LIMITS | {"api-latency": 1500}, Role.AGENT: LIMITS}
        expected = expectations(cluster, bundle, transports, named)
        hosts = Hosts(cluster_expectation(cluster, bundle), expected, transports)
        scope = CheckSelection(frozenset({Category.BUDGET}))
        found = verify(hosts, scope, window=4, when="2026-01-01T00:00:00+00:00", tell=_silent)
        own = {n: (meter.files(n), meter.disk(n)) for n in wishes}
    for node, subject in hosts.subjects.items():
        usage = subject.usage
        assert usage.method == ("cgroup" if groups else "processes")
        files, disk = own[node]
        span = (usage.began, usage.began + usage.seconds)
        assert usage.value("cpu") == pytest.approx(meter.millicores(node, *span), rel=0.05, abs=10)
        # Of what is small, 5 % is less than what comes and goes between two readings.
        near = [pytest.approx(held, rel=0.05, abs=2 << 20) for held in meter.memory(node, *span)]
        assert any(usage.value("memory") == held for held in near), (usage.value("memory"), near)
        assert usage.value("files") == pytest.approx(files, rel=0.05, abs=2)
        assert usage.value("disk") == pytest.approx(disk, rel=0.05)
    assert {r.outcome for r in found.results} <= {Outcome.PASSED, Outcome.FAILED}, found.results
    for node in wishes:
        fleet.on(node, "rm /run/k3s/standin-misbehave; sleep 1")
    return {(r.node, r.subject) for r in found.results if r.outcome is Outcome.FAILED}


def _silent(_result: object) -> None:
    pass


def _at(seen: list[tuple[float, float]], when: float) -> float:
    """A counter at a time, between the two readings around it."""
    after = next(i for i, (at, _) in enumerate(seen) if at >= when)
    (t0, v0), (t1, v1) = seen[after - 1], seen[after]
    return v0 + (v1 - v0) * (when - t0) / (t1 - t0)


def _logins(fleet: Fleet) -> dict[str, int]:
    """How often anybody has come in by SSH."""
    count = "journalctl -q --no-pager -u ssh | grep -c 'Accepted '; true"
    return {host.name: int(fleet.on(host.name, count)) for host in fleet.lab.hosts}


def test_hosts_broken_on_purpose_are_named(bare_module: Fleet) -> None:
    """One break a check, each found where it is and nowhere else; then a report of it all."""
    bare_module.on(
        "agent-1",
        "chmod 644 /etc/rancher/k3s/config.yaml\n"
        "sysctl -q -w net.ipv4.ip_forward=0\n"
        "systemctl disable -q k3s-agent\n"
        "echo more >>/etc/systemd/system/k3s-agent.service",
    )
    bare_module.on("agent-2", "systemctl stop k3s-agent")
    bare_module.on("server-1", _UNWELL)
    inventory = bare_module.inventory(agent_1={"budget": {"memory": "1MiB", "files": 1}})
    paths = [bare_module.work / "broken.html", bare_module.work / "broken.json"]
    words = ("--window", "2s", "--no-pods", "--report", paths[0], "--report", paths[1])
    done = bare_module.run("verify", "-i", inventory, *words)
    assert done.code == 1, done.all
    stopped = [line for line in done.out.splitlines() if ": agent-2: " in line]
    assert stopped == ["failed: agent-2: service: its service is inactive"], done.out
    checks = json.loads(paths[1].read_text())["checks"]
    bad = {
        (c["node"], c["check"], c["subject"].rpartition("/")[2], c["outcome"])
        for c in checks
        if c["outcome"] != "passed"
    }
    kernel = ("agent-1", "kernel", "", "failed")
    if REAL:  # it sets ip_forward again with the next pod
        bad.discard(kernel)
    assert bad == {
        ("agent-1", "file", "config.yaml", "failed"),
        ("agent-1", "secrets", "", "failed"),
        *(() if REAL else (kernel,)),
        ("agent-1", "service", "", "failed"),
        ("agent-1", "file", "k3s-agent.service", "failed"),
        ("agent-1", "budget", "memory", "failed"),
        ("agent-1", "budget", "files", "failed"),
        ("agent-2", "service", "", "failed"),
        *_silent_agent(checks),
        ("agent-2", "budget", "memory", "not measured"),
        ("agent-2", "budget", "cpu", "not measured"),
        ("agent-2", "budget", "disk", "not measured"),
        ("cluster", "workload", "unwell", "failed"),
    }
    keep = os.environ.get("EDGEBOOT_E2E_KEEP")
    if keep:
        for path in paths:
            (Path(keep) / path.name).write_bytes(path.read_bytes())


def test_a_lost_host_is_one_line_and_the_others_are_checked(bare_module: Fleet) -> None:
    bare_module.on("agent-2", "systemctl stop ssh.socket ssh.service")
    try:
        words = ("verify", "-i", bare_module.inventory(), "--only", "config", "--window", "2s")
        done = bare_module.run(*words)
        program = bare_module.run(*words, "-o", "json")
    finally:
        bare_module.on("agent-2", "systemctl start ssh.service")
    assert done.code == program.code == 3, done.all
    lost = [line for line in done.out.splitlines() if "agent-2" in line]
    assert len(lost) == 2, done.out  # its row of the table, and why
    assert lost[1].startswith("not measured: agent-2: reachable: "), done.out
    checks = json.loads(program.out)["checks"]
    assert [c["check"] for c in checks if c["node"] == "agent-2"] == ["reachable"]
    assert {c["node"] for c in checks} == {"server-1", "agent-1", "agent-2"}


def test_ctrl_c_ends_watching_with_0(bare_module: Fleet) -> None:
    words = ("verify", "-i", bare_module.inventory(), "--watch", "--window", "2s")
    argv = bare_module.argv(*words)
    with subprocess.Popen(
        argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=bare_module.env
    ) as process:
        assert process.stdout is not None
        lines = iter(process.stdout.readline, "")
        said = [next(line for line in lines if line.startswith("agent-1"))]
        process.send_signal(signal.SIGINT)
        said += list(lines)
    assert process.returncode == 0, "".join(said)
    assert "error:" not in "".join(said)


def _silent_agent(checks: list[dict[str, str]]) -> set[tuple[str, str, str, str]]:
    """What a stopped agent's images and node say: that it is gone takes the API a while."""
    gone = {(c["node"], c["check"]) for c in checks if c["outcome"] != "passed"}
    images = [c for c in checks if c["node"] == "agent-2" and c["check"] == "image"]
    found = {
        ("agent-2", "image", c["subject"].rpartition("/")[2], c["outcome"])
        for c in images
        if c["outcome"] == "not measured"
    }
    if ("agent-2", "node_ready") in gone:
        found.add(("agent-2", "node_ready", "", "failed"))
    return found


_UNWELL = """
k3s kubectl apply -f - <<END
apiVersion: apps/v1
kind: Deployment
metadata: {name: unwell, namespace: default}
spec:
  selector: {matchLabels: {app: unwell}}
  template:
    metadata: {labels: {app: unwell}}
    spec: {containers: [{name: unwell, image: "nowhere.invalid/unwell:1"}]}
END
sleep 3
"""


def test_tests_of_a_sites_own_run_over_the_same_connection(bare_module: Fleet) -> None:
    tests = bare_module.work / "own"
    tests.mkdir(exist_ok=True)
    (tests / "test_site.py").write_text(
        "def test_hosts_name(host, node):\n"
        "    assert host.check_output('uname -n') == node.name\n"
        "def test_api_port(host, node):\n"
        "    if node.role != 'server':\n"
        "        import pytest\n"
        "        pytest.skip('only servers')\n"
        "    assert host.socket('tcp://0.0.0.0:6443').is_listening\n"
        "def test_memory(budget):\n"
        "    assert budget['memory'].used < 10 << 30\n"
        "def test_nodes(cluster):\n"
        "    assert len(cluster.reading.nodes) == 3\n"
    )
    inventory = bare_module.inventory("server-1", "agent-1")
    words = ("--only", "own", "--tests", tests, "--window", "2s", "-o", "json")
    before = _logins(bare_module)
    done = bare_module.run("verify", "-i", inventory, *words)
    assert _logins(bare_module)["agent-1"] == before["agent-1"] + 1
    found = {(c["node"], c["check"], c["outcome"]) for c in json.loads(done.out)["checks"]}
    assert found == {
        ("server-1", "hosts_name", "passed"),
        ("agent-1", "hosts_name", "passed"),
        ("server-1", "api_port", "passed"),
        ("agent-1", "api_port", "skipped"),
        ("server-1", "memory", "passed"),
        ("agent-1", "memory", "passed"),
        ("cluster", "nodes", "passed"),
    }, done.all
