"""What a reset would do, as a value."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from edgeboot.plan.plan import Plan
from edgeboot.plan.reset.remains import Loss


@dataclass(frozen=True)
class ResetPlan:
    """The steps of a reset, and the data that they destroy, by node."""

    plan: Plan
    losses: Mapping[str, tuple[Loss, ...]]
