"""What preflight found: values that tables, plans, and errors are made from."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Severity(StrEnum):
    """What a finding means for an installation."""

    REFUSE = "refuse"  # edgeboot does not install on this host
    FIX = "fix"  # install fixes it: the steps are in the plan
    WARN = "warn"  # it works, but the operator should know
    UNKNOWN = "unknown"  # it could not be checked


@dataclass(frozen=True)
class Finding:
    """One check's complaint about one host: ``what`` is wrong, ``fix`` what to do about it."""

    id: str  # stable: "preflight.cgroup"
    severity: Severity
    what: str
    fix: str
