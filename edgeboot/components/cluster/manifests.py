"""Objects that K3s's deploy controller applies: edgeboot's own files below ``manifests``.

K3s uses the text before a file's first dot as the name of an Addon, which must be unique, without
underscores (K3s pkg/deploy/controller.go); so all of edgeboot's have the same prefix.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence

from edgeboot.plan import paths
from edgeboot.plan.resources import File, Resource, text
from edgeboot.secret import Secret

PREFIX = "edgeboot-"


def path_of(name: str) -> str:
    """The path of edgeboot's manifest with this name."""
    return f"{paths.MANIFESTS}/{PREFIX}{name}.json"


def manifest(
    name: str, objects: Sequence[dict[str, object]], *, secret: bool = False
) -> Iterator[Resource]:
    """A file with these objects, none without objects. ``secret``: the plan shows no content."""
    if not objects:
        return
    whole: object = objects[0]
    if len(objects) > 1:
        whole = {"apiVersion": "v1", "kind": "List", "items": list(objects)}
    said = json.dumps(whole, indent=2) + "\n"
    yield File(path_of(name), Secret(said.encode()) if secret else text(said), 0o600)
