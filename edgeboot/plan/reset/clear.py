"""The steps of a reset: what takes K3s and edgeboot off a host again."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class ResetTarget(StrEnum):
    """One kind of thing that is taken off a host, in the order in which that can be done."""

    SERVICE = "service"
    PROCESSES = "processes"
    MOUNTS = "mounts"
    NETWORK = "network"
    RULES = "rules"
    PATHS = "paths"
    RECORD = "record"


@dataclass(frozen=True)
class Clear:
    """Takes one kind of thing off a host.

    ``items`` are what was seen; the host looks again for all but services and paths, since pods
    come and go until their service has stopped.
    """

    part: ResetTarget
    items: tuple[str, ...] = ()
    text: str = ""

    def describe(self) -> str:
        """One line for people."""
        return self.text


@dataclass(frozen=True)
class Forget:
    """Takes nodes out of the cluster, on a server that stays."""

    nodes: tuple[str, ...]

    def describe(self) -> str:
        """One line for people."""
        return f"take out of the cluster: {', '.join(self.nodes)}"
