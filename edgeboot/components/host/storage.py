"""``storage``: K3s's data on a separate disk, by a bind mount that K3s's service requires."""

from __future__ import annotations

from collections.abc import Iterator

from edgeboot.components.context import Context
from edgeboot.components.heading import head
from edgeboot.components.host.drop_in import inputs_of
from edgeboot.plan import paths
from edgeboot.plan.resources import Action, File, Resource, text

_MOUNT = """\
[Unit]
Description=K3s's data on {path}
RequiresMountsFor={path}

[Mount]
What={directory}
Where={data}
Type=none
Options=bind

[Install]
WantedBy=multi-user.target
"""


def storage(context: Context) -> Iterator[Resource]:
    """The mount unit, and the mount. It is never undone, since it holds data."""
    path = context.node.host.storage
    if path is None or context.traits.init != "systemd":
        return
    directory = directory_on(path)
    words = {"path": path, "directory": directory, "data": paths.DATA}
    unit = File(paths.MOUNT, text(head(f"storage: {{path: {path}}}") + _MOUNT.format(**words)))
    yield unit
    yield Action(
        name="storage",
        inputs=inputs_of((unit,)),
        snippet="storage",
        text=f"mount {directory} at {paths.DATA}",
        parameters=(directory,),
    )


def directory_on(path: str) -> str:
    """The directory for K3s's data on a disk."""
    return f"{path}/k3s"
