"""The JSON Schema of ``inventory.yml``, for editors that complete and check while you type.

It is made of the declarations the loader reads with. It cannot say all that the loader checks:
uniqueness, one server, keys of K3s for a role, ranges of the same length.
"""

from __future__ import annotations

from typing import Any

from edgeboot.inventory import sections
from edgeboot.inventory.budget.section import BUDGET_SECTION
from edgeboot.inventory.cluster import datastore
from edgeboot.inventory.host import files, hooks
from edgeboot.inventory.host.section import STORAGE_SECTION, TIME_SECTION
from edgeboot.inventory.k3s_keys import CONFIG
from edgeboot.inventory.node.login import JUMP_SECTION, SSH_SECTION
from edgeboot.inventory.node.settings import SETTINGS
from edgeboot.yaml.section import Section

_DIALECT = "https://json-schema.org/draft/2020-12/schema"
_DEFINITIONS: tuple[Section[Any], ...] = (
    *(sections.CLUSTER, datastore.SECTION, SETTINGS, sections.NODE, SSH_SECTION, JUMP_SECTION),
    *(BUDGET_SECTION, STORAGE_SECTION, TIME_SECTION, files.FILE, hooks.HOOK, CONFIG),
)


def json_schema() -> dict[str, Any]:
    """The schema, in JSON Schema draft 2020-12."""
    return {
        "$schema": _DIALECT,
        "title": "edgeboot inventory",
        **sections.TOP.definition,
        "$defs": {section.ref: section.definition for section in _DEFINITIONS},
    }
