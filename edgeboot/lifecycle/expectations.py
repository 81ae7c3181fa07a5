"""What ``verify`` compares hosts with: the same resources that ``install`` puts there."""

from __future__ import annotations

from collections.abc import Mapping

from edgeboot.bundle.format.contents import Role as Item
from edgeboot.bundle.oci.reference import parse
from edgeboot.checks.identity import runs_as
from edgeboot.checks.kernel import CONTROLLERS
from edgeboot.components.cluster.ingress import ingress_ports
from edgeboot.components.context import service_of
from edgeboot.components.k3s.base import config_of
from edgeboot.engine.fleet import require_all
from edgeboot.engine.observe import observe
from edgeboot.inventory.budget.values import DEFAULT, effective, limits_of
from edgeboot.inventory.model import Cluster, DatastoreKind, Node, Role
from edgeboot.lifecycle.cluster_state import BundleView, ClusterState
from edgeboot.plan.diff import diff
from edgeboot.plan.steps import Start
from edgeboot.secret import Secret
from edgeboot.transport.base import Transport
from edgeboot.verify.expectation import (
    PROTECTED_SYSCTLS,
    SYSCTLS,
    ClusterExpectation,
    Expectation,
    expected_files,
)

# Limits by role that a run is held against instead of the inventory's.
Named = Mapping[Role, Mapping[str, int]]

_PROBE_REPOSITORY = "rancher/mirrored-library-busybox"
_CHANGED = "has changed"


def expectations(
    cluster: Cluster,
    bundle: BundleView,
    transports: Mapping[str, Transport],
    named: Named | None = None,
    budget_name: str = "",
) -> tuple[Expectation, ...]:
    """What each node should be, the servers first; reads every host once.

    ``named`` are limits that count instead of the inventory's, by the name of their budget.
    """
    facts = require_all(transports, lambda name: observe(transports[name]))
    state = ClusterState(cluster, bundle, facts, Secret(b""))
    nodes = (*cluster.servers, *cluster.agents)
    return tuple(
        _expectation(state, node, named, budget_name) for node in nodes if node.name in facts
    )


def _expectation(
    state: ClusterState, node: Node, named: Named | None, budget_name: str
) -> Expectation:
    resources = state.resources(node)
    config = config_of(state.cluster, node)
    traits = state.facts[node.name].traits
    protects = config.get("protect-kernel-defaults") is True
    starts = (s for s in diff(resources, state.facts[node.name]) if isinstance(s, Start))
    return Expectation(
        node=node.name,
        role=node.role,
        service=service_of(node.role),
        version=state.bundle.contents.k3s_version,
        files=expected_files((*state.host_resources(node), *resources)),
        images=state.expected_images(node),
        limits=limits_for(node, named),
        budget=budget_name or _budget_name(node),
        capacity={"memory": traits.memory, "cpu": traits.cpus * 1000},
        address=node.address,
        sysctls={**SYSCTLS, **(PROTECTED_SYSCTLS if protects else {})},
        controllers=CONTROLLERS[state.facts[node.name].traits.cgroup_version],
        runs_as=runs_as(state.facts[node.name]) or "",
        machine_id=state.facts[node.name].traits.machine_id,
        pending=next((s.reason for s in starts if _CHANGED in s.reason), ""),
    )


def _budget_name(node: Node) -> str:
    base, own = node.budget.base or DEFAULT, limits_of(node.budget)
    return f"{base} with the inventory's own limits" if own else base


def limits_for(node: Node, named: Named | None) -> dict[str, int]:
    """A node's limits: those of the named budget where one is given, else its own."""
    if named is None:
        return effective(node.role, node.budget)
    return dict(named[node.role])


def cluster_expectation(cluster: Cluster, bundle: BundleView) -> ClusterExpectation:
    """What the cluster as a whole should be and do, by its first server's configuration."""
    config = config_of(cluster, cluster.every_server[0])
    disabled = config.get("disable", ())
    off = frozenset(disabled if isinstance(disabled, tuple) else (str(disabled),))
    dns = config.get("cluster-dns")
    traefik = cluster.components.traefik
    return ClusterExpectation(
        name=cluster.name,
        charts=tuple(item.name for item in bundle.contents.of(Item.CHART)),
        etcd=cluster.datastore.kind is DatastoreKind.ETCD,
        coredns="coredns" not in off,
        ingress=(traefik.http_port, traefik.https_port) if ingress_ports(cluster) else (),
        storage="local-storage" not in off,
        probe_image=_probe_image(bundle),
        domain=str(config.get("cluster-domain", "cluster.local")),
        nodes=frozenset(node.name for node in cluster.every_node),
        dns=dns[0] if isinstance(dns, tuple) and dns else "10.43.0.10",
    )


def _probe_image(bundle: BundleView) -> str | None:
    names = (image.name for image in bundle.contents.images)
    return next((name for name in names if parse(name).repository == _PROBE_REPOSITORY), None)
