"""The steps of a reset: what removes K3s and edgeboot from a host."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class ResetTarget(StrEnum):
    """One kind of thing to remove from a host, in the order of removal."""

    SERVICE = "service"
    PROCESSES = "processes"
    MOUNTS = "mounts"
    NETWORK = "network"
    RULES = "rules"
    PATHS = "paths"
    RECORD = "record"


@dataclass(frozen=True)
class Clear:
    """Removes one kind of thing from a host.

    ``items`` are what was found; the host looks again for everything but services and paths, since
    pods come and go until their service has stopped.
    """

    part: ResetTarget
    items: tuple[str, ...] = ()
    text: str = ""

    def describe(self) -> str:
        """One line for people."""
        return self.text
