"""Another token for the servers: K3s makes it on one of them, the others are told one by one.

``k3s token rotate`` makes the new token itself, so that none is ever in an argument, and encrypts
the cluster's keys with it in the datastore. From then on no server starts with the former one;
those that run go on. So all have to be there and well before, and whatever is cut off is finished
by the next run: the server on which it was done has both (``lifecycle.tokens``).
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
    "the servers that run go on; `journalctl -u k3s` there says more, and docs/troubleshooting.md "
    "(token-not-changed) how to go on"
)


def check_rotation(state: ClusterState) -> None:
    """``Refused`` where the token cannot be changed, or a change not be finished, just now."""
    place = state.token_place
    if place is None:
        return
    if state.torn is not None:
        taking_part = [s for s in state.cluster.servers if s.name not in state.read_only]
        if taking_part and place in state.read_only:
            raise _refused(
                "the servers' token was changed here, and the others have not been told it yet",
                place,
                f"let {place} take part in --limit",
            )
        return
    if state.cluster.datastore.kind is DatastoreKind.EXTERNAL:
        raise _refused(
            "the servers' token is not changed where the datastore is outside of the cluster",
            place,
            "K3s's documentation says how to do it by hand; nothing was changed",
        )
    missing = [s.name for s in state.cluster.every_server if not _is_there(state, s)]
    if missing:
        raise _refused(
            "the servers' token is changed only while all of them are up, and take part: "
            f"{', '.join(missing)} {'is' if len(missing) == 1 else 'are'} not",
            place,
            "install without --new-server-token until they are, or take them out of the inventory "
            "(and of the cluster); one that comes back later would not start any more",
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
    """The change of the token, or the rest of one that was cut off; none where none is due."""
    place = state.token_place
    if place is None or state.known_token is None:
        return ()
    if state.torn is not None:
        return (_phase(place, _finishing_steps),)
    changing = partial(_changing_steps, password_of(state.known_token.value))
    return (Phase("servers before that", _servers, _nothing, all_well), _phase(place, changing))


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
    """Once: where the link was cut the host is looked at again, and may have done it by then."""
    if before in former_passwords(state.facts.values()):
        return ()
    return _finishing_steps(state, node) or (
        _rotate("new", "have K3s make the servers another token"),
    )


def _finishing_steps(state: ClusterState, node: Node) -> tuple[Step, ...]:
    if state.torn != node.name:
        return ()
    return (_rotate("finish", "take over the servers' token that K3s has made"),)


def _rotate(mode: str, said: str) -> Run:
    words = ("rotate-token", (mode,), said)
    return Run(*words, hint=_HINT, deadline=_DEADLINE, error_id="token-not-changed")


def foreign_members(state: ClusterState) -> tuple[str, ...]:
    """Members of etcd that the inventory does not have: nobody would tell them the new token."""
    ours = {server.name for server in state.cluster.every_server}
    return tuple(name for name in members(state) or () if name not in ours)
