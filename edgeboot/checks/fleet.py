"""What only shows when hosts are compared: clocks, hostnames, machine IDs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from statistics import median_low

from edgeboot.checks import identity
from edgeboot.checks.base import Complaint, Subject, fixable, is_alive, refuse, warn
from edgeboot.inventory.model import Node
from edgeboot.plan.facts import Facts

_EPOCH_2020 = 1_577_836_800
_NOTABLE, _TOO_MUCH = 30.0, 300.0  # seconds of drift
_SET = "set it: `timedatectl set-ntp true`, or without Internet `date -u -s @{now:.0f}`"


def clock(subject: Subject) -> Iterator[Complaint]:
    """Its clock agrees with the fleet and the controller; otherwise certificates are not valid."""
    facts = subject.facts
    if facts.traits.clock < _EPOCH_2020:
        yield refuse(
            "its clock is set before 2020, so K3s's certificates would not be valid",
            _SET.format(now=facts.asked_at or _EPOCH_2020),
        )
        return
    drift = _drift(facts)
    if drift is None or facts.asked_at is None:
        return
    known = [d for d in map(_drift, subject.fleet.values()) if d is not None]
    # The controller has a vote, so that one of two hosts can be wrong.
    middle = median_low([0.0, *known])
    off = drift - middle
    what = f"its clock is {_words(off)} the fleet's median and {_words(drift)} the controller's"
    fix = _SET.format(now=facts.asked_at + middle)
    if abs(off) > _TOO_MUCH:
        yield refuse(what, fix)
    elif abs(off) > _NOTABLE:
        yield warn(what, fix)
    elif abs(drift) > _NOTABLE:
        yield warn(what, "the whole fleet agrees: check the clock of this machine, the controller")


def _drift(facts: Facts) -> float | None:
    """Seconds by which a host is ahead of the controller; None for one that lost its clock."""
    if facts.asked_at is None or facts.traits.clock < _EPOCH_2020:
        return None
    return facts.traits.clock - facts.asked_at


def _words(seconds: float) -> str:
    if abs(seconds) < 2:
        return "in step with"
    return f"{abs(seconds):.0f} s {'ahead of' if seconds > 0 else 'behind'}"


def machine_id(subject: Subject) -> Iterator[Complaint]:
    """Its machine ID is unique: cloned cards get the same DHCP lease and journal."""
    twin = machine_id_twin(subject)
    if twin is None:
        return
    what = f"it has the same machine-id as {twin}: a cloned card?"
    by_hand = "`rm /etc/machine-id; systemd-machine-id-setup`, then reboot"
    if subject.running:
        yield warn(what, by_hand)
    elif subject.options.reboot:
        yield fixable(what, "write a new machine-id and reboot")
    else:
        yield refuse(what, by_hand)


def host_keys(subject: Subject) -> Iterator[Complaint]:
    """Its SSH host key is its own: cloned cards have the same, and each can pose as the other."""
    twin = _twin(subject, lambda facts: facts.traits.ssh_host_key)
    if twin is not None:
        yield warn(
            f"it has the same SSH host key as {twin}: a cloned card",
            "make new ones: `rm /etc/ssh/ssh_host_*; ssh-keygen -A`, restart sshd, and update "
            "`host-key` in the inventory",
        )


def machine_id_twin(subject: Subject) -> str | None:
    """The node with the same machine ID that keeps it, preferably one that runs K3s."""
    return _twin(subject, lambda facts: facts.traits.machine_id)


def _twin(subject: Subject, value: Callable[[Facts], str]) -> str | None:
    own = value(subject.facts)
    sharing = [n for n in _others_too(subject) if value(subject.fleet[n.name]) == own]
    keeper = min(sharing, key=lambda n: not is_alive(subject.fleet[n.name], n.role))
    return keeper.name if own and keeper is not subject.node else None


def hostname(subject: Subject) -> Iterator[Complaint]:
    """Its hostname is unique. K3s uses the inventory's names, people and mDNS do not."""
    twin = hostname_twin(subject)
    if twin is not None:
        own = subject.facts.traits.hostname
        what = f"its hostname {own} is also used by {twin}"
        if subject.running:
            yield warn(what, f"`hostnamectl set-hostname {subject.node.name}`")
        else:
            yield fixable(what, f"set it to {subject.node.name}")


def hostname_twin(subject: Subject) -> str | None:
    """The node with the same hostname that keeps it, preferably the one of that name."""
    own = subject.facts.traits.hostname
    sharing = [n for n in _others_too(subject) if subject.fleet[n.name].traits.hostname == own]
    keeper = min(
        sharing, key=lambda n: (n.name != own, not is_alive(subject.fleet[n.name], n.role))
    )
    return keeper.name if own and keeper is not subject.node else None


def _others_too(subject: Subject) -> list[Node]:
    """The node and those of other hosts, as far as they are observed."""
    return [
        node
        for node in subject.cluster.nodes
        if node.name in subject.fleet
        and (node is subject.node or not identity.is_same_host(subject, node))
    ]
