"""Hosts that answer `verify`'s snippets from data: healthy ones, broken by a test at will."""

from __future__ import annotations

import datetime
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import parse_qs, urlsplit

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519

from edgeboot.blob import Source
from edgeboot.errors import Unreachable
from edgeboot.inventory.model import Role
from edgeboot.kube.connect import KUBECONFIG
from edgeboot.secret import Secret
from edgeboot.transport.base import (
    Argv,
    Channel,
    Command,
    Held,
    NoChannel,
    Progress,
    Result,
    Snippet,
)
from edgeboot.transport.fake.tls import FakeChannel, kubeconfig
from edgeboot.verify.expectation import ClusterExpectation, Expectation, ExpectedFile
from edgeboot.verify.results import Verification
from edgeboot.verify.selection import CheckSelection
from edgeboot.verify.suite import Fleet, verify

VERSION = "v1.36.2+k3s1"
NOW = 1_800_000_000
IMAGE = "docker.io/rancher/mirrored-library-busybox:1.37.0"
DIGEST = "sha256:" + "a" * 64
CONFIG = ExpectedFile("/etc/rancher/k3s/config.yaml", 0o600, "c" * 64)
AGENT_DIRECTORY = ExpectedFile("/var/lib/rancher/k3s/agent", 0o700, directory=True)
MIB = 1 << 20


def certificate(days: int) -> str:
    """A certificate that ends so many days after NOW."""
    key = ed25519.Ed25519PrivateKey.generate()
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "test")])
    began = datetime.datetime.fromtimestamp(NOW - 86400 * 400, datetime.UTC)
    built = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(began)
        .not_valid_after(datetime.datetime.fromtimestamp(NOW + 86400 * days, datetime.UTC))
        .sign(key, None)
    )
    return built.public_bytes(serialization.Encoding.PEM).decode()


_CERTIFICATE = certificate(300)


@dataclass
class HostState:
    """What a host says; a test changes it before it is asked."""

    role: Role = Role.AGENT
    active: str = "active"
    enabled: str = "yes"
    version: str = VERSION
    images: str = (
        f"REF TYPE DIGEST STATUS SIZE UNPACKED\n{IMAGE} t {DIGEST} complete (3/3) 4 MiB true\n"
    )
    images_code: int = 0
    journal: str = "level=info all is well"
    modes: dict[str, str] = field(
        default_factory=lambda: {
            CONFIG.path: "600 0:0 regular file",
            AGENT_DIRECTORY.path: "700 0:0 directory",
            "/etc/rancher/k3s/k3s.yaml": "600 0:0 regular file",
            "/etc/rancher": "755 0:0 directory",
            "/etc/rancher/k3s": "755 0:0 directory",
            "/var/lib/rancher/k3s/agent/etc/containerd/config.toml": "644 0:0 regular file",
        }
    )
    hashes: dict[str, str] = field(default_factory=lambda: {CONFIG.path: "c" * 64})
    certificates: str = f"file /var/lib/rancher/k3s/agent/client.crt\n{_CERTIFICATE}"
    kernel: list[str] = field(
        default_factory=lambda: [
            "sysctl net/ipv4/ip_forward 1",
            "sysctl net/bridge/bridge-nf-call-iptables 1",
            "module overlay",
            "module br_netfilter",
            "cgroup memory",
        ]
    )
    sample: str = ""
    sample_code: int = 0

    def inspect(self) -> str:
        """The output of ``inspect.sh``."""
        modes = "\n".join(f"{mode}|{path}" for path, mode in self.modes.items())
        sums = "\n".join(f"{digest}  {path}" for path, digest in self.hashes.items())
        sections = [
            ("clock", 0, str(NOW)),
            ("unit", 0, f"ActiveState={self.active}\nNRestarts=0\nEnabled={self.enabled}"),
            ("version", 0, self.version),
            ("images", self.images_code, self.images),
            ("journal", 0, self.journal),
            ("modes", 0, modes),
            ("hashes", 0, sums),
            ("certificates", 0, self.certificates),
            ("kernel", 0, "\n".join(self.kernel)),
            ("end", 0, ""),
        ]
        return "".join(f"== {name} {code}\n{body}\n" for name, code, body in sections)


def sampling(
    seconds: int = 4,
    *,
    memory: int = 100 * MIB,
    millicores: int = 100,
    files: int = 20,
    disk: int = 50 * MIB,
    version: int = 1,
    pressure: bool = True,
) -> str:
    """The output of ``sample.sh`` for a steady K3s with containerd beside it."""
    group = "/sys/fs/cgroup/memory/system.slice/k3s.service"
    reads = {
        "uptime": "/proc/uptime",
        "load": "/proc/loadavg",
        "meminfo": "/proc/meminfo",
        "host-memory": "/sys/fs/cgroup/memory/memory.stat",
        "memory": f"{group}/memory.stat",
        "cpu": f"{group}/cpuacct.usage" if version == 1 else f"{group}/cpu.stat",
        "quota": f"{group}/cpu.stat",
        "disks": "/proc/diskstats",
    }
    if version == 1:
        reads["kernel-memory"] = f"{group}/memory.kmem.usage_in_bytes"
    if pressure:
        reads |= {f"pressure-{kind}": f"/proc/pressure/{kind}" for kind in ("cpu", "memory", "io")}
    lines = ["method cgroup", "ticks 100", f"clock {NOW}", "boot 3500000"]
    lines += [f"read {name} {path}" for name, path in reads.items()]
    lines += ["process k3s 10", "process containerd 11", "process shim 12", "process other 13"]
    for second in range(seconds + 1):
        spent = millicores * second  # thousandths of a second
        lines.append("sample")
        lines += [
            f"/proc/uptime:{1000 + second}.00 1.00",
            "/proc/loadavg:0.50 0.40 0.30 1/100 999",
            "/proc/meminfo:MemAvailable:  204800 kB",
            f"/proc/diskstats: 8 1 sda1 1 0 8 1 1 0 {2048 * second} 1 0 1 1",
            f"/proc/10/stat:10 (k3s-server) S 1 1 1 0 -1 0 0 0 0 0 {spent // 20} {spent // 20}"
            " 0 0 20 0 9 0 90000 1 1 1",
            f"/proc/10/io:write_bytes: {1024 * second}",
            "/proc/10/smaps_rollup:Pss:      61440 kB",
            "/proc/10/status:VmHWM:      71680 kB",
            "/proc/11/smaps_rollup:Pss:      20480 kB",
            "/proc/12/smaps_rollup:Pss:      1024 kB",
            "/proc/13/smaps_rollup:Pss:      999999 kB",
        ]
        if version == 1:
            lines += [
                f"{group}/memory.stat:total_rss {memory - 3 * MIB}",
                f"{group}/memory.stat:total_shmem {MIB}",
                f"{group}/memory.stat:total_mapped_file {MIB}",
                f"{group}/memory.kmem.usage_in_bytes:{MIB}",
                f"{group}/cpuacct.usage:{spent * 1_000_000}",
                f"{group}/cpu.stat:nr_periods {10 * second}",
                f"{group}/cpu.stat:nr_throttled {second}",
            ]
        else:
            lines += [
                f"{group}/memory.stat:anon {memory - 3 * MIB}",
                f"{group}/memory.stat:shmem {MIB}",
                f"{group}/memory.stat:file_mapped {MIB}",
                f"{group}/memory.stat:kernel {MIB}",
                f"{group}/cpu.stat:usage_usec {spent * 1000}",
            ]
        if pressure:
            lines += [
                f"/proc/pressure/{kind}:some avg10=0.00 total={20_000 * second}"
                for kind in ("cpu", "memory", "io")
            ]
        lines += [f"files k3s {files - 5}", "files containerd 5", "files other 500"]
    lines += [
        f"disk {disk // 1024 // 2} /usr/local/bin/k3s",
        f"disk {disk // 1024 // 4} /var/lib/rancher/k3s/agent/containerd",
        f"disk {disk // 1024 // 2} /var/lib/rancher",
        "space 1048576",
        "end",
        "",
    ]
    return "\n".join(lines)


def node_object(
    name: str, *, ready: bool = True, voter: bool | None = None, since: int = 90
) -> dict[str, Any]:
    """A Node of the cluster, Ready or not for ``since`` seconds."""
    conditions = [
        {
            "type": "Ready",
            "status": "True" if ready else "False",
            "message": "kubelet is posting ready status" if ready else "container runtime is down",
            "lastTransitionTime": datetime.datetime.fromtimestamp(
                NOW - since, datetime.UTC
            ).isoformat(),
        }
    ]
    if voter is not None:
        conditions.append({"type": "EtcdIsVoter", "status": str(voter), "message": ""})
    return {
        "metadata": {"name": name},
        "status": {
            "conditions": conditions,
            "nodeInfo": {"kubeletVersion": VERSION, "machineID": f"id-{name}"},
        },
    }


def deployment(name: str, ready: int = 1) -> dict[str, Any]:
    return {
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": "kube-system"},
        "spec": {"replicas": 1},
        "status": {"readyReplicas": ready},
    }


def chart(name: str, succeeded: int = 1) -> list[dict[str, Any]]:
    job = {
        "kind": "Job",
        "metadata": {"name": f"helm-install-{name}", "namespace": "kube-system"},
        "status": {"succeeded": succeeded, "failed": 0 if succeeded else 3},
    }
    return [{"kind": "HelmChart", "metadata": {"name": name, "namespace": "kube-system"}}, job]


@dataclass
class ClusterState:
    """What the API says."""

    nodes: list[dict[str, Any]]
    ready: tuple[int, bytes] = (200, b"ok")
    workloads: list[dict[str, Any]] = field(default_factory=lambda: [deployment("coredns")])
    charts: list[dict[str, Any]] = field(default_factory=lambda: chart("hello"))
    default_class: bool = True
    broken: tuple[str, ...] = ()  # kinds that cannot be listed
    refuses_pods: bool = False
    namespaces: list[str] = field(default_factory=list)
    started: list[dict[str, Any]] = field(default_factory=list)  # pods
    changes: list[tuple[str, str]] = field(default_factory=list)  # everything that was asked for
    pods: dict[str, dict[str, Any]] = field(default_factory=dict)  # statuses of probes
    claim: str = "Bound"

    def answer(self, method: str, target: str, body: bytes) -> tuple[int, bytes]:
        """What the API answers to a request."""
        url = urlsplit(target)
        kind = next((k for k in reversed(url.path.split("/")) if k in self._listed()), url.path)
        if url.path == "/readyz":
            return self.ready
        if method == "GET":
            broken = kind in self.broken
            selector = parse_qs(url.query).get("labelSelector", [""])[0]
            items = self._selected(kind, selector)
            return (500, b"the server is overloaded") if broken else (200, dumped(items))
        if method == "PATCH" and self.refuses_pods and kind == "pods":
            return 403, b'{"message": "pods are forbidden"}'
        if method == "PATCH" and kind == "pods":
            self.started.append(json.loads(body))
        self.changes.append((method, url.path))
        return 200, b"{}"

    def _listed(self) -> dict[str, list[dict[str, Any]]]:
        default = {"storageclass.kubernetes.io/is-default-class": str(self.default_class).lower()}
        return {
            "nodes": self.nodes,
            "deployments": self.workloads,
            "daemonsets": [],
            "statefulsets": [],
            "helmcharts": [item for item in self.charts if item["kind"] == "HelmChart"],
            "jobs": [item for item in self.charts if item["kind"] == "Job"],
            "storageclasses": [{"metadata": {"name": "local-path", "annotations": default}}],
            "pods": [{**pod, "status": self._status(pod)} for pod in self.started],
            "persistentvolumeclaims": [{"status": {"phase": self.claim}}],
            "events": [],
            "serviceaccounts": [],
            "namespaces": [{"metadata": {"name": name}} for name in self.namespaces],
        }

    def _selected(self, kind: str, selector: str) -> list[dict[str, Any]]:
        key, _, value = selector.partition("=")
        found = self._listed()[kind]
        if kind != "pods":
            return found
        return [item for item in found if item["metadata"]["labels"].get(key) == value]

    def _status(self, pod: Mapping[str, Any]) -> dict[str, Any]:
        name = pod["metadata"]["name"]
        if name in self.pods:
            return self.pods[name]
        if name.startswith("first-"):
            up: list[dict[str, Any]] = [{"state": {"running": {}}}]
            return {"phase": "Running", "podIP": "10.42.0.2", "containerStatuses": up}
        env = {e["name"]: e.get("value", "") for e in pod["spec"]["containers"][0]["env"]}
        said = ["storage ok"] if name == "storage" else ["dns ok"]
        said += [f"peer {peer} ok first-{peer}" for peer in env.get("WANTED", "").split()]
        said += [f"ingress-{port} ok" for port in env.get("INGRESS", "").split()]
        return ended(*said)


def dumped(items: list[dict[str, Any]]) -> bytes:
    return json.dumps({"items": items}).encode()


def ended(*said: str) -> dict[str, Any]:
    """The status of a pod that said something and ended."""
    terminated = {"exitCode": 0, "message": "\n".join(said)}
    return {"phase": "Succeeded", "containerStatuses": [{"state": {"terminated": terminated}}]}


class Guard:
    """A command that is held, and does nothing."""

    output = "ready"
    alive = True

    def release(self) -> None:
        """Nothing to end."""


class Host:
    """A transport to a host that is data."""

    def __init__(self, node: str, state: HostState, cluster: ClusterState) -> None:
        self._node = node
        self.state = state
        self.cluster = cluster
        self.gone = False
        self.ran: list[str] = []

    @property
    def node(self) -> str:
        return self._node

    def run(
        self, command: Command, *, stdin: bytes | Secret | None = None, deadline: float
    ) -> Result:
        del stdin, deadline
        if self.gone:
            raise Unreachable("no route to host", where=self._node)
        if isinstance(command, Argv) and command.words == ("cat", KUBECONFIG):
            return Result(0, kubeconfig(6443).decode(), "")
        if isinstance(command, Argv):
            fails = command.words[-1] == "false"
            return Result(int(fails), f"{self._node} ran {' '.join(command.words[-1:])}\n", "")
        self.ran.append(command.name)
        said: dict[str, Callable[[], str]] = {
            "inspect": self.state.inspect,
            "sample": lambda: self.state.sample or sampling(),
        }
        code = self.state.sample_code if command.name == "sample" else 0
        text: str = said[command.name]()
        return Result(code, text, "k3s has no process" if code else "")

    def put(self, source: Source, command: Snippet, *, progress: Progress, stall: float) -> Result:
        raise NotImplementedError

    def hold(self, command: Snippet, *, ready: str, deadline: float) -> Held | Result:
        del ready, deadline
        self.ran.append(command.name)
        return Guard()

    def open_channel(self, host: str, port: int, *, deadline: float) -> Channel | NoChannel:
        del host, port, deadline
        if self.gone:
            raise Unreachable("no route to host", where=self._node)
        return FakeChannel(self.cluster.answer)

    def reconnect(self) -> None:
        """Never needed."""

    def close(self) -> None:
        """Nothing to close."""


@dataclass
class Site:
    """A cluster of such hosts, with what they are held against."""

    hosts: dict[str, Host]
    expectations: dict[str, Expectation]
    cluster: ClusterExpectation
    state: ClusterState

    def expect(self, node: str, **changes: Any) -> None:
        """Expects something else of a node."""
        self.expectations[node] = replace(self.expectations[node], **changes)


def site(*agents: str) -> Site:
    """A healthy server-1, and agents (agent-1 without a name)."""
    names = ("server-1", *(agents or ("agent-1",)))
    state = ClusterState([node_object(name) for name in names])
    hosts, expectations = {}, {}
    for name in names:
        role = Role.SERVER if name.startswith("server") else Role.AGENT
        hosts[name] = Host(name, HostState(role), state)
        expectations[name] = Expectation(
            node=name,
            role=role,
            service="k3s" if role is Role.SERVER else "k3s-agent",
            version=VERSION,
            files=(CONFIG, AGENT_DIRECTORY),
            images={IMAGE: DIGEST},
            limits={"memory": 150 * MIB, "cpu": 500},
            runs_as=name,
            machine_id=f"id-{name}",
        )
    cluster = ClusterExpectation(
        "edge", charts=("hello",), probe_image=IMAGE, nodes=frozenset(expectations)
    )
    return Site(hosts, expectations, cluster, state)


def verified(made: Site, selection: CheckSelection | None = None) -> Verification:
    """The verification of a site."""
    return verify(
        Fleet(made.cluster, list(made.expectations.values()), made.hosts),
        selection or CheckSelection(),
        window=4,
        when="2027-01-15T08:00:00+00:00",
        tell=lambda _result: None,
    )


def outcomes(found: Verification) -> list[str]:
    """Every check with what it was about and how it ended."""
    return sorted(
        " ".join((r.category, r.node, r.check, r.subject, r.outcome)) for r in found.results
    )
