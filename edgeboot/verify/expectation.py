"""What nodes and cluster are compared with."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from edgeboot.inventory.model import Role
from edgeboot.plan.diff import content_hash
from edgeboot.plan.resources import CreateOnly, Directory, File, Resource

# K3s sets these itself (pkg/agent/syssetup/setup.go); without them pods have no network.
SYSCTLS = {"net/ipv4/ip_forward": "1", "net/bridge/bridge-nf-call-iptables": "1"}
# With protect-kernel-defaults, the kubelet exits on other values (docs:security/hardening-guide).
PROTECTED_SYSCTLS = {
    "vm/panic_on_oom": "0",
    "vm/overcommit_memory": "1",
    "kernel/panic": "10",
    "kernel/panic_on_oops": "1",
}


@dataclass(frozen=True)
class ExpectedFile:
    """A file a node should have; ``sha256`` is None where edgeboot does not decide the content."""

    path: str
    mode: int
    sha256: str | None = None
    directory: bool = False


@dataclass(frozen=True)
class Expectation:
    """What one node should be. ``limits`` are those of its budget, by figure.

    ``controllers`` are the cgroup controllers that the kubelet needs; ``pending`` says why an
    install would restart the service, and is empty where it would not.
    """

    node: str
    role: Role
    service: str
    version: str
    files: tuple[ExpectedFile, ...] = ()
    images: Mapping[str, str] = field(default_factory=dict)  # reference -> digest ("sha256:…")
    limits: Mapping[str, int] = field(default_factory=dict)
    budget: str = ""  # its name
    capacity: Mapping[str, int] = field(default_factory=dict)  # of the host: memory, cpu
    address: str = ""
    sysctls: Mapping[str, str] = field(default_factory=lambda: SYSCTLS)
    controllers: frozenset[str] = frozenset({"memory"})
    pending: str = ""
    runs_as: str = ""  # the Node that the host is; empty for one that has not joined
    machine_id: str = ""


@dataclass(frozen=True)
class ClusterExpectation:
    """What the cluster as a whole should be and do.

    ``charts`` are the names of HelmCharts; ``probe_image`` is the image of the probes, None where
    the bundle does not have it; ``domain`` and ``dns`` are the cluster's DNS domain and server.
    ``ingress`` are the ports on which each node answers HTTP and HTTPS; none without an ingress.
    """

    name: str
    charts: tuple[str, ...] = ()
    etcd: bool = False
    coredns: bool = True
    ingress: tuple[int, ...] = (80, 443)
    storage: bool = True
    probe_image: str | None = None
    domain: str = "cluster.local"
    dns: str = "10.43.0.10"
    nodes: frozenset[str] = frozenset()  # all names in the inventory


def expected_files(resources: Iterable[Resource]) -> tuple[ExpectedFile, ...]:
    """The files and directories among a node's resources."""
    found = []
    for resource in resources:
        match resource:
            case File():
                digest = content_hash(resource.content) or None
                found.append(ExpectedFile(resource.path, resource.mode, digest))
            case CreateOnly():
                found.append(ExpectedFile(resource.path, resource.mode))
            case Directory():
                found.append(ExpectedFile(resource.path, resource.mode, directory=True))
            case _:
                pass
    return tuple(found)
