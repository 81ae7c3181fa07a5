"""What a reset would remove, for people and for programs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from edgeboot.plan.reset.plan import ResetPlan
from edgeboot.report.plan import plan_json, plan_lines

NOTHING_TO_RESET = "No changes: neither K3s nor edgeboot is on these hosts."


def reset_plan_lines(reset_plan: ResetPlan) -> Iterator[str]:
    """The plan, then the data that will be lost, which is read last before answering."""
    if reset_plan.plan.empty:
        yield NOTHING_TO_RESET
        return
    yield from plan_lines(reset_plan.plan)
    if reset_plan.losses:
        yield "This data will be lost:"
    for node, losses in reset_plan.losses.items():
        yield f"  {node}"
        yield from (f"    {loss.describe()}" for loss in losses)


def reset_plan_json(reset_plan: ResetPlan) -> dict[str, Any]:
    """The same as one JSON document; sizes in bytes."""
    lost = {
        node: [{"what": loss.what, "size": loss.size} for loss in losses]
        for node, losses in reset_plan.losses.items()
    }
    return {**plan_json(reset_plan.plan), "lost": lost}
