"""Rotating the servers' token: K3s makes it on one server, then the others get it one by one.

``k3s token rotate`` makes the new token itself, so that it is never an argument, and encrypts the
cluster's keys in the datastore with it. From then on no server starts with the old one; running
servers continue. So all must be up and healthy first, and the next run finishes an interrupted
rotation: the server where it happened has both tokens (``lifecycle.tokens``).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from edgeboot.components.context import service_of
from edgeboot.errors import Refused
from edgeboot.inventory.model import DatastoreKind, Node, Role
from edgeboot.lifecycle.cluster_state import ClusterState
from edgeboot.lifecycle.quorum import members
from edgeboot.lifecycle.tokens import former_passwords, password_of
from edgeboot.plan.phases import Gate, Phase
from edgeboot.plan.steps import Run, Step

_DEADLINE = 240.0  # seconds: K3s waits for its datastore, or says why it does not start
_HINT = (
    "the running servers are not affected; see `journalctl -u k3s` there, and token-not-changed in "
    "docs/troubleshooting.md"
)


def check_rotation(state: ClusterState) -> None:
    """``Refused`` if the token cannot be rotated, or a rotation not be finished, right now."""
    place = state.token_place
    if place is None:
        return
    if state.torn is not None:
        taking_part = [s for s in state.cluster.servers if s.name not in state.read_only]
        if taking_part and place in state.read_only:
            raise _refused(
                "the servers' token was changed here, and the other servers do not have it yet",
                place,
                f"include {place} in --limit",
            )
        return
    if state.cluster.datastore.kind is DatastoreKind.EXTERNAL:
        raise _refused(
            "edgeboot does not rotate the servers' token with an external datastore",
            place,
            "rotate it by hand as K3s's documentation describes; nothing was changed",
        )
    missing = [s.name for s in state.cluster.every_server if not _is_there(state, s)]
    if missing:
        raise _refused(
            "to rotate the servers' token, all servers must be up and take part: "
            f"{', '.join(missing)} {'is' if len(missing) == 1 else 'are'} not",
            place,
            "start them, or remove them from the cluster and the inventory: a server with the old "
            "token would not start again",
        )


def _refused(what: str, where: str, hint: str) -> Refused:
    return Refused(what, where=where, hint=hint, error_id="token-not-changed")


def _is_there(state: ClusterState, server: Node) -> bool:
    facts = state.facts.get(server.name)
    if facts is None or server.name in state.read_only or server in state.cluster.away:
        return False
    unit = facts.units.get(service_of(Role.SERVER))
    return facts.node_token is not None and unit is not None and unit.active == "active"


def rotation_phases(
    state: ClusterState, all_well: Gate[ClusterState, Node]
) -> tuple[Phase[ClusterState, Node], ...]:
    """The rotation, or the rest of an interrupted one; none if none is due."""
    place = state.token_place
    if place is None or state.known_token is None:
        return ()
    if state.torn is not None:
        return (_phase(place, _finishing_steps),)
    changing = partial(_changing_steps, password_of(state.known_token.value))
    return (Phase("servers healthy", _servers, _nothing, all_well), _phase(place, changing))


def _phase(
    place: str, steps: Callable[[ClusterState, Node], tuple[Step, ...]]
) -> Phase[ClusterState, Node]:
    def select(state: ClusterState) -> tuple[Node, ...]:
        return tuple(node for node in state.cluster.servers if node.name == place)

    return Phase("servers' token", select, steps)


def _servers(state: ClusterState) -> tuple[Node, ...]:
    return state.cluster.servers


def _nothing(_state: ClusterState, _node: Node) -> tuple[Step, ...]:
    return ()


def _changing_steps(before: bytes, state: ClusterState, node: Node) -> tuple[Step, ...]:
    """Once: after a cut connection the host is read again, and may have done it already."""
    if before in former_passwords(state.facts.values()):
        return ()
    return _finishing_steps(state, node) or (_rotate("new", "rotate the servers' token"),)


def _finishing_steps(state: ClusterState, node: Node) -> tuple[Step, ...]:
    if state.torn != node.name:
        return ()
    return (_rotate("finish", "finish the rotation of the servers' token"),)


def _rotate(mode: str, said: str) -> Run:
    words = ("rotate-token", (mode,), said)
    return Run(*words, hint=_HINT, deadline=_DEADLINE, error_id="token-not-changed")


def foreign_members(state: ClusterState) -> tuple[str, ...]:
    """Members of etcd that are not in the inventory: they would not get the new token."""
    ours = {server.name for server in state.cluster.every_server}
    return tuple(name for name in members(state) or () if name not in ours)
