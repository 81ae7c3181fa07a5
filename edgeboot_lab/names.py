"""Every name a lab gives to something on this machine, derived from the lab's name alone.

Kernel objects are recognisable (``eb-…`` for links, ``edgeboot-lab-…`` for the rest), and those of
one lab cannot be taken for those of another: dots and underscores separate, and no lab or node name
may contain them.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass

from edgeboot_lab.errors import LabBadInput

_NAME = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,30}[a-z0-9])?")
_LONGEST_READABLE_TAG = 7
MAX_NODES = 99  # two digits in a link name, and addresses .11 to .109


def check_lab_name(name: str) -> str:
    """``name``, or LabBadInput if it cannot be part of a host, netns, unit and file name."""
    if not _NAME.fullmatch(name):
        raise LabBadInput(
            f"invalid lab name {name!r}",
            hint="use up to 32 characters of a-z, 0-9 and '-', with no '-' at either end",
        )
    return name


def node_names(count: int) -> tuple[str, ...]:
    """The server first: ``server-1``, ``agent-1``, ``agent-2`` and so on."""
    if not 1 <= count <= MAX_NODES:
        raise LabBadInput(f"a lab has 1 to {MAX_NODES} hosts, not {count}")
    return ("server-1", *(f"agent-{number}" for number in range(1, count)))


@dataclass(frozen=True)
class LabNames:
    """The names that belong to the lab called ``lab``."""

    lab: str

    @property
    def tag(self) -> str:
        """At most 8 characters, for link names (15 at most).

        Hashed tags are always 8 long, readable ones shorter, so they never collide.
        """
        if len(self.lab) <= _LONGEST_READABLE_TAG:
            return self.lab
        return hashlib.sha256(self.lab.encode()).hexdigest()[:8]

    @property
    def bridge(self) -> str:
        """The bridge on the controller's side."""
        return f"eb-{self.tag}"

    @property
    def link_prefix(self) -> str:
        """How the controller's ends of the hosts' links begin."""
        return f"eb-{self.tag}_"

    def link(self, index: int) -> str:
        """The controller's end of the link of host number ``index`` (from 0)."""
        return f"{self.link_prefix}{index + 1}"

    @property
    def host_prefix(self) -> str:
        """How the namespaces, control groups and machines of this lab's hosts begin."""
        return f"edgeboot-lab-{self.lab}."

    def host(self, node: str) -> str:
        """The name of a host's network namespace, control groups and nspawn machine."""
        return self.host_prefix + node
