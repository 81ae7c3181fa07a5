"""What a server brings into the cluster by itself: charts in order, and what is wanted no more.

K3s applies a manifest when its file appears, and does nothing when it goes. So a chart's manifest
is written only after the chart before it is installed, and a file is removed only after what it
brought is gone; an interrupted run finds the file and resumes there.
"""

from __future__ import annotations

from collections.abc import Iterator

from edgeboot.components.cluster.charts import Chosen, chosen, is_chart
from edgeboot.inventory.model import Node, Role
from edgeboot.lifecycle.cluster_state import ClusterState, is_of_cluster
from edgeboot.plan import paths
from edgeboot.plan.cluster import ScaleDeployment, WaitForChart, Withdraw
from edgeboot.plan.diff import content_hash, diff, leftovers
from edgeboot.plan.resources import File, text
from edgeboot.plan.steps import Remove, Step

WITHDRAWAL = 300  # seconds for what a manifest brought to be gone


def former_steps(state: ClusterState, node: Node) -> tuple[Step, ...]:
    """On a server: take away what a former bundle or inventory brought; charts last come first."""
    left = leftovers(state.resources(node), state.facts[node.name])
    gone = [s for s in left if isinstance(s, Remove) and is_of_cluster(s)]
    steps: list[Step] = []
    for step in reversed(gone):
        # One server is enough to ask; the others only hold a copy of the file.
        if step.path.startswith(f"{paths.MANIFESTS}/") and node == state.cluster.servers[0]:
            steps.append(_withdraw(step.path))
        steps.append(step)
    return tuple(steps)


def _withdraw(path: str) -> Withdraw:
    name = path.rpartition("/")[2]
    if is_chart(path):
        release = name.removeprefix("edgeboot-chart-").removesuffix(".json")
        said = f"uninstall the release {release}; its namespace and volumes stay"
    else:
        said = f"remove from the cluster what {name} brought; namespaces, volumes and CRDs stay"
    return Withdraw(path, WITHDRAWAL, said)


def chart_steps(state: ClusterState, node: Node) -> tuple[Step, ...]:
    """On a server: the manifests of charts. The first server waits for each before the next."""
    contents = state.bundle.contents
    ours = {r.path: r for r in state.resources(node) if isinstance(r, File) and is_chart(r.path)}
    if node != state.cluster.servers[0]:
        return diff(tuple(ours.values()), state.facts[node.name])
    steps: list[Step] = []
    before: Chosen | None = None
    for chart in chosen(state.cluster, contents):
        changes = diff((ours[chart.manifest],), state.facts[node.name])
        if changes:
            if before is not None and not steps:
                steps.append(_await(before, ours[before.manifest]))
            steps += [*changes, _await(chart, ours[chart.manifest])]
        before = chart
    return tuple(steps)


def _await(chart: Chosen, manifest: File) -> WaitForChart:
    return WaitForChart(
        chart.item.name, chart.manifest, content_hash(manifest.content), chart.timeout
    )


def replica_steps(state: ClusterState, node: Node) -> tuple[Step, ...]:
    """On the first server: how many CoreDNS pods there are, where anybody has said."""
    return tuple(_replica_steps(state, node))


def _replica_steps(state: ClusterState, node: Node) -> Iterator[Step]:
    if node.role is not Role.SERVER:
        return
    have = state.facts[node.name].files.get(paths.COREDNS)
    wanted = state.cluster.components.coredns.replicas
    if wanted is None and have is None:
        return
    number = wanted or 1
    record = File(paths.COREDNS, text(f"{number}\n"), 0o600)
    changes = diff((record,), state.facts[node.name])
    if changes:
        said = f"run {number} CoreDNS pod{'s' if number > 1 else ''}"
        yield ScaleDeployment("kube-system", "coredns", number, said)
        yield from changes
