"""Hosts known only by address: log in, install a key, and make them nodes of an inventory."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from edgeboot.errors import StepFailed
from edgeboot.inventory.draft import DraftNode, DraftSsh, named
from edgeboot.inventory.model import Role
from edgeboot.plan.facts import HostTraits
from edgeboot.plan.steps import human_size
from edgeboot.platform import arch_of_machine
from edgeboot.transport.base import Snippet, Transport

_DEADLINE = 60.0


@dataclass(frozen=True)
class Candidate:
    """A host as the operator named it; what is None is found out or chosen."""

    address: str
    user: str | None = None
    port: int | None = None
    role: Role | None = None
    name: str | None = None


@dataclass(frozen=True)
class Enrolled:
    """A host that was looked at: whom we logged in as, by what, and what it is."""

    candidate: Candidate
    user: str
    host_key: str
    traits: HostTraits
    by_password: bool = False
    key: str | None = None  # the private key's file, where it is not one SSH tries anyway


def authorize(transport: Transport, user: str, public_key: str) -> None:
    """Lets a public key in for a user; ``StepFailed`` with the host's own words."""
    result = transport.run(Snippet("authorize", (user, public_key)), deadline=_DEADLINE)
    if not result.ok:
        raise StepFailed(
            f"cannot install the SSH key: {result.stderr.strip() or 'no reason given'}",
            where=transport.node,
            hint=f"add it to {user}'s authorized_keys by hand",
        )


def draft_nodes(hosts: Iterable[Enrolled]) -> tuple[DraftNode, ...]:
    """The nodes these hosts become: the first one is the server unless roles were given."""
    found = list(hosts)
    if not any(host.candidate.role is Role.SERVER for host in found):
        first = next((h for h in found if h.candidate.role is None), None)
        found = [_with_role(h, Role.SERVER) if h is first else h for h in found]
    return named(_draft_node(host) for host in found)


def _with_role(host: Enrolled, role: Role) -> Enrolled:
    return replace(host, candidate=replace(host.candidate, role=role))


def _draft_node(host: Enrolled) -> DraftNode:
    candidate = host.candidate
    return DraftNode(
        address=candidate.address,
        role=candidate.role or Role.AGENT,
        name=candidate.name or host.traits.hostname,
        ssh=DraftSsh(
            user=host.user,
            port=candidate.port,
            key=host.key,
            host_key=host.host_key,
            password=host.by_password,
        ),
        remark=describe(host.traits),
    )


def describe(traits: HostTraits) -> str:
    """One line for people: board, architecture, memory, system."""
    arch = arch_of_machine(traits.machine)
    parts = (
        traits.board,
        arch.name if arch else f"{traits.machine} (not supported by K3s)",
        f"{human_size(traits.memory)} memory",
        f"{traits.cpus} CPUs",
        traits.os,
        f"hostname {traits.hostname}",
    )
    return ", ".join(part for part in parts if part)
