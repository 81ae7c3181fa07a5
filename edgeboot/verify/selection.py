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


def applies(
    check: str,
    scope: CheckSelection,
    cluster: ClusterExpectation,
    node: Expectation | None,
    nodes: int,
) -> bool:
    """Whether a built-in check applies to this cluster and node."""
    if check in WITH_PODS and not scope.pods:
        return False
    match check:
        case "etcd_voter":
            return cluster.etcd and node is not None and node.role is Role.SERVER
        case "dns_from_pod" | "dns_from_node":
            return cluster.coredns
        case "pod_traffic":
            return nodes > 1
        case "ingress":
            return cluster.ingress
        case "other_nodes":
            return bool(cluster.nodes)
        case "storage":
            return cluster.storage
        case _:
            return True
