"""Which checks the user selected, and which apply to which node. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from edgeboot.inventory.model import Role
from edgeboot.verify.expectation import ClusterExpectation, Expectation
from edgeboot.verify.results import Category

WITH_PODS = frozenset(
    {"pod_runs", "dns_from_pod", "dns_from_node", "pod_traffic", "ingress", "storage"}
)


@dataclass(frozen=True)
class CheckSelection:
    """Which checks to run.

    ``only`` are their categories; ``keyword`` is the expression of ``-k``; without ``pods``, checks
    that start pods are left out; ``tests`` are directories or files of the user's own tests.
    """

    only: frozenset[Category] = frozenset(Category)
    keyword: str | None = None
    pods: bool = True
    tests: tuple[Path, ...] = ()

    @property
    def samples(self) -> bool:
        """Whether resource usage is sampled."""
        return bool(self.only & {Category.BUDGET, Category.OWN})

    @property
    def probes(self) -> bool:
        """Whether pods are started."""
        return self.pods and Category.HEALTH in self.only


def why_not(
    check: str,
    scope: CheckSelection,
    cluster: ClusterExpectation,
    node: Expectation | None,
    nodes: int,
) -> str:
    """Why a built-in check does not apply to this cluster and node; empty where it does."""
    if check in WITH_PODS and not scope.pods:
        return "--no-pods"
    match check:
        case "etcd_voter" if not cluster.etcd:
            return "the datastore is not etcd"
        case "etcd_voter" if node is None or node.role is not Role.SERVER:
            return "it is about servers"
        case "dns_from_pod" | "dns_from_node" if not cluster.coredns:
            return "CoreDNS is disabled"
        case "pod_traffic" if nodes < 2:
            return "there is one node"
        case "ingress" if not cluster.ingress:
            return "Traefik is disabled, or not exposed on nodes"
        case "storage" if not cluster.storage:
            return "local-storage is disabled"
        case "chart" if not cluster.charts:
            return "the bundle has no charts"
        case _:
            return ""
