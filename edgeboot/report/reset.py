"""What a reset would take away, for people and for machines."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from edgeboot.lifecycle.reset import Doom
from edgeboot.report.plan import plan_json, plan_lines


def doom_lines(doom: Doom) -> Iterator[str]:
    """The plan, then the data that goes with it: the last thing read before answering."""
    if doom.plan.empty:
        yield "Nothing to do: there is nothing of K3s or edgeboot on these hosts."
        return
    yield from plan_lines(doom.plan)
    if doom.losses:
        yield "This data will be lost:"
    for node, losses in doom.losses.items():
        yield f"  {node}"
        yield from (f"    {loss.describe()}" for loss in losses)


def doom_json(doom: Doom) -> dict[str, Any]:
    """The same as one JSON document; sizes in bytes."""
    lost = {
        node: [{"what": loss.what, "size": loss.size} for loss in losses]
        for node, losses in doom.losses.items()
    }
    return {**plan_json(doom.plan), "lost": lost}
