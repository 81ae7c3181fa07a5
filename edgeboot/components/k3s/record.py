"""A host's record of the bundle it was installed from."""

from __future__ import annotations

import json
from collections.abc import Iterator

from edgeboot.components.context import Context
from edgeboot.plan import paths
from edgeboot.plan.resources import File, Resource, text


def record(context: Context) -> Iterator[Resource]:
    """The record: the last resource, so that it is written after everything else.

    ``lifecycle.install.age`` reads it to refuse older bundles.
    """
    contents = context.contents
    document = {"name": contents.name, "k3s_version": contents.k3s_version}
    if contents.version is not None:
        document["version"] = contents.version
    yield File(paths.BUNDLE, text(json.dumps(document, sort_keys=True) + "\n"), 0o600)
