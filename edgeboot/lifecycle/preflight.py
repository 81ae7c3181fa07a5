"""What speaks against installing on a host: pure, from facts alone, before anything is written."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from edgeboot.bundle.contents import Contents
from edgeboot.components.context import service_of
from edgeboot.components.k3s import config_of
from edgeboot.components.services import SUPPORTED, service_file
from edgeboot.inventory.model import Cluster, Node, Role
from edgeboot.plan import paths
from edgeboot.plan.facts import Facts
from edgeboot.plan.steps import Step, Upload, human_size
from edgeboot.platform import arch_of_machine

_PORTS = {Role.SERVER: (6443, 6444, 10248, 10250), Role.AGENT: (6444, 10248, 10250)}
_CGROUP_V1_REFUSED_FROM = (1, 35)  # kubelet's failCgroupV1 (kubernetes pull 134298)
_ROOM_LEFT = 64 << 20


def objections(cluster: Cluster, node: Node, facts: Facts, contents: Contents) -> tuple[str, ...]:
    """Why this host cannot become the node that the inventory says; empty where it can."""
    return tuple(_objections(cluster, node, facts, contents))


def _objections(cluster: Cluster, node: Node, facts: Facts, contents: Contents) -> Iterator[str]:
    traits = facts.traits
    arch = arch_of_machine(traits.machine)
    if arch is None:
        yield f"K3s does not exist for {traits.machine}"
    elif contents.k3s_binary(arch.name) is None:
        carried = ", ".join(contents.arches)
        yield f"the host is {arch.name} ({traits.machine}), but the bundle carries {carried} only"
    if traits.init not in SUPPORTED:
        yield f"its init is {traits.init}; edgeboot can set up systemd and OpenRC hosts"
    if traits.clock < 1_577_836_800:
        yield "its clock stands before 2020; K3s's certificates would not be valid: set it"
    if not traits.default_route and not node.node_ip:
        yield "it has no default route, so K3s cannot find its address: add one, or set node-ip"
    yield from _cgroup_objections(cluster, node, facts, contents.k3s_version)
    yield from _presence_objections(node, facts, contents.k3s_version)


def _cgroup_objections(cluster: Cluster, node: Node, facts: Facts, version: str) -> Iterator[str]:
    traits = facts.traits
    needed = {"cpu", "cpuset", "memory", "pids"} if traits.cgroup_version == 2 else {"memory"}
    missing = sorted(needed - traits.cgroup_controllers)
    if missing:
        yield (
            f"its kernel runs without the cgroup controllers {', '.join(missing)}; on a Raspberry "
            "Pi add `cgroup_memory=1 cgroup_enable=memory` to cmdline.txt and reboot"
        )
    if traits.cgroup_version == 1 and _minor(version) >= _CGROUP_V1_REFUSED_FROM:
        arguments = config_of(cluster, node).get("kubelet-arg", ())
        if not isinstance(arguments, tuple) or "fail-cgroupv1=false" not in arguments:
            yield (
                f"it has cgroup v1, which the kubelet of {version} refuses: boot it with "
                "`systemd.unified_cgroup_hierarchy=1`, or set `kubelet-arg: [fail-cgroupv1=false]`"
            )


def _presence_objections(node: Node, facts: Facts, version: str) -> Iterator[str]:
    service = service_of(node.role)
    other = "k3s-agent" if service == "k3s" else "k3s"
    if facts.k3s_version and facts.k3s_version != version:
        yield (
            f"it runs K3s {facts.k3s_version} and the bundle carries {version}: "
            "`install` does not change versions; take a bundle of the version it runs"
        )
    if _known(facts, other):
        yield f"it already runs {other}.service; a node cannot change its role in place"
    unit = facts.units.get(service)
    if unit and unit.active in {"active", "activating"} and not unit.started_with:
        yield f"{service}.service was set up by something else than edgeboot; remove it first"
    if unit is None or unit.active not in {"active", "activating"}:
        for listener in facts.listeners:
            if listener.port in _PORTS[node.role]:
                yield f"port {listener.port} is taken by {listener.program}"


def _known(facts: Facts, service: str) -> bool:
    unit = facts.units.get(service)
    return service_file(facts.traits.init, service) in facts.files or (
        unit is not None and unit.active == "active"
    )


def _minor(version: str) -> tuple[int, int]:
    major, minor = version.removeprefix("v").split(".")[:2]
    return int(major), int(minor)


def room_objections(facts: Facts, steps: Sequence[Step]) -> tuple[str, ...]:
    """Where a plan's uploads do not fit. Both copies of what is replaced exist for a moment."""
    needs: Counter[str] = Counter()
    for step in steps:
        if isinstance(step, Upload):
            where = paths.DATA if step.path.startswith(paths.DATA) else "/usr/local/bin"
            # K3s unpacks its binary and imports its images: both are on disk twice.
            needs[where] += step.source.size * 2
    return tuple(
        f"{where} has {human_size(facts.free[where])} left, {human_size(need)} are needed"
        for where, need in needs.items()
        if facts.free.get(where, need + _ROOM_LEFT) < need + _ROOM_LEFT
    )


def fleet_objections(facts: Mapping[str, Facts]) -> dict[str, tuple[str, ...]]:
    """What only shows when hosts are compared: cloned machine-ids."""
    seen: dict[str, str] = {}
    found: dict[str, tuple[str, ...]] = {}
    for node, fact in facts.items():
        first = seen.setdefault(fact.traits.machine_id, node)
        if first != node and fact.traits.machine_id:
            found[node] = (
                f"it has the same machine-id as {first}: a cloned card? "
                "Remove /etc/machine-id, run systemd-machine-id-setup, reboot",
            )
    return found
