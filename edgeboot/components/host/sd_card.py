"""``sd-card``: the journal in memory, so that logs do not wear out a card.

The kubelet limits container logs: see ``kubelet``. OpenRC has no journal; K3s's log is rotated
there at 10 MB.
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
    """Journald's drop-in, and journald's restart."""
    files: list[File] = []
    if "sd-card" in context.node.profiles and context.traits.init == "systemd":
        for resource in drop_in(paths.JOURNALD, "profiles: [sd-card]", _JOURNALD):
            files += [resource] if isinstance(resource, File) else []
            yield resource
    on = "keep the journal in memory, up to 16 MB"
    yield activation("journald", files, on, "restore the journal's previous settings")
