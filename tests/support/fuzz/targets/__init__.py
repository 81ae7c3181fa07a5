"""All targets, by name."""

from __future__ import annotations

from tests.support.fuzz.running import Target
from tests.support.fuzz.targets import answers, archives, cluster, documents, registries

TARGETS: dict[str, Target] = {
    target.name: target
    for module in (answers, cluster, documents, archives, registries)
    for target in module.TARGETS
}
