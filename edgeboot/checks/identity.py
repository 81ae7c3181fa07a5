"""Which node a host is: by what it runs as and what the cluster knows, not by its entry alone.

K3s binds a node's name to the host that first joined under it (a password, pkg/nodepassword), so a
host that is renamed joins a second time, and two hosts that are swapped lock each other out. A
machine-id tells hosts apart but identifies none: cloned cards share it.
"""

from __future__ import annotations

from collections.abc import Iterator

from edgeboot.checks.base import Complaint, Subject, refuse
from edgeboot.components.k3s.config_file import read, words
from edgeboot.inventory.model import Node
from edgeboot.plan import paths
from edgeboot.plan.facts import Facts
from edgeboot.plan.health import NodeState


def runs_as(facts: Facts) -> str | None:
    """The name of the Node that a host is; None for one that has never joined a cluster."""
    joined = facts.node_token or paths.SERVER_CA in facts.files or paths.ETCD_DATA in facts.files
    return next(iter(words(read(facts), "node-name")), None) if joined else None


def is_same_host(subject: Subject, other: Node) -> bool:
    """Whether another entry leads to the same running system."""
    return _system(subject.facts) == _system(subject.fleet[other.name]) is not None


def _system(facts: Facts) -> tuple[str, str] | None:
    boot, namespace = facts.condition.boot_id, facts.traits.network_namespace
    return (boot, namespace) if boot and namespace else None


def same_host(subject: Subject) -> Iterator[Complaint]:
    """No other entry of the inventory leads to this host."""
    for node in subject.cluster.nodes:
        if node.name == subject.node.name or node.name not in subject.fleet:
            continue
        if is_same_host(subject, node):
            yield refuse(
                f"{subject.node.name} ({subject.node.address}) and {node.name} ({node.address}) "
                "are the same host",
                "correct the address of one of them, or remove its entry",
            )
            return


def node(subject: Subject) -> Iterator[Complaint]:
    """The host is the node that its entry names, or can become it."""
    name, own = runs_as(subject.facts), subject.node.name
    if name is None:
        yield from _taken(subject)
    elif name != own:
        entry = next((n for n in subject.cluster.every_node if n.name == name), None)
        yield from _renamed(subject, name) if entry is None else _misplaced(subject, entry)
    else:
        yield from _doubled(subject)


def _doubled(subject: Subject) -> Iterator[Complaint]:
    """Another host works as this node at the same time, by a copy of its card."""
    own, state = subject.node.name, (subject.registered or {}).get(subject.node.name)
    if state is None or not state.ready or not state.addresses or _has_address(subject, state):
        return
    if is_other_host(state, subject.facts.traits.machine_id):
        yield refuse(
            f"another host at {state.addresses[0]} runs as {own}, too: a copy of its card",
            f"turn off the one that is not {own}, or correct the address",
        )


def _misplaced(subject: Subject, entry: Node) -> Iterator[Complaint]:
    """The host is the node of another entry."""
    own, name = subject.node.name, entry.name
    other = subject.fleet.get(name)
    theirs = runs_as(other) if other else None
    if other and is_same_host(subject, entry):
        return
    if theirs == name:
        yield refuse(
            f"this host runs as {name}, and so does the host of {name}: a cloned card",
            f"remove K3s from this one with `edgeboot reset --limit {own} --foreign`, then rerun",
        )
        return
    swapped = f"{own} and {name} are swapped: " if theirs == own else ""
    yield refuse(
        f"{swapped}this host ({subject.node.address}) runs as {name}",
        f"correct the addresses of {own} and {name} in the inventory",
    )


def _renamed(subject: Subject, name: str) -> Iterator[Complaint]:
    """The host is a node that the inventory does not name any more."""
    own, registered = subject.node.name, subject.registered
    member = paths.ETCD_DATA in subject.facts.files
    if registered is not None and name not in registered and not member:
        return  # its Node was deleted: nothing of the old name is left
    servers = subject.cluster.every_server
    reset = f"; to rename it, first run `edgeboot reset --limit {own}`"
    only = len(servers) == 1 and subject.node in servers
    yield refuse(
        f"this host runs as {name}: under the name {own} it would join a second time, and the "
        f"node {name} would stay in the cluster",
        f"change its name back to {name}{'' if only else reset}",
    )


def _taken(subject: Subject) -> Iterator[Complaint]:
    """A host that has not joined yet takes the name of a node that is another host."""
    own, state = subject.node.name, (subject.registered or {}).get(subject.node.name)
    if state is None or not is_other_host(state, subject.facts.traits.machine_id):
        return
    where = f" at {state.addresses[0]}" if state.addresses else ""
    if state.ready and not _has_address(subject, state):
        yield refuse(
            f"the cluster has another host as {own}{where}, and it is Ready",
            f"correct the address of {own}, or give this host another name; if it replaces that "
            "host, first turn that one off, then run `edgeboot install --forget-node-passwords`",
        )
    elif not subject.options.forget_node_passwords:
        yield refuse(
            f"the cluster knows another host as {own}{where}",
            "if this host replaces it or was reinstalled, run `edgeboot install "
            f"--forget-node-passwords`; otherwise correct the address of {own}",
        )


def is_other_host(state: NodeState, machine_id: str) -> bool:
    """Whether a Node's kubelet runs on another machine, as far as both are known."""
    return bool(machine_id and state.machine_id and machine_id != state.machine_id)


def _has_address(subject: Subject, state: NodeState) -> bool:
    own = {subject.node.address, *subject.node.node_ips, *subject.facts.condition.addresses}
    return bool(own & set(state.addresses))
