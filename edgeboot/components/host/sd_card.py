"""``sd-card``: logs that are written to memory, so that a card is not worn out by them.

Container logs and their limits are the kubelet's: see ``kubelet``. Under OpenRC there is no
journal; K3s's log there is rotated at 10 MB.
"""

from __future__ import annotations

from collections.abc import Iterator

from edgeboot.components.context import Context
from edgeboot.components.host.drop_in import activation, drop_in
from edgeboot.plan import paths
from edgeboot.plan.resources import File, Resource

_JOURNALD = """\
[Journal]
Storage=volatile
RuntimeMaxUse=16M
RuntimeMaxFileSize=4M
"""


def journal(context: Context) -> Iterator[Resource]:
    """Journald's drop-in, and journald started anew with it."""
    files: list[File] = []
    if "sd-card" in context.node.profiles and context.traits.init == "systemd":
        for resource in drop_in(paths.JOURNALD, "profiles: [sd-card]", _JOURNALD):
            files += [resource] if isinstance(resource, File) else []
            yield resource
    on = "keep the journal in memory, 16 MB of it"
    yield activation("journald", files, on, "keep the journal as the host had it")
