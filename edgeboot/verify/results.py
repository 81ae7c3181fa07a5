"""The outcome of a verification, as values for reports."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from edgeboot.errors import NotMeasured
from edgeboot.verify.measure.usage import Spread

CLUSTER = "cluster"  # stands for the node in results about the whole cluster


class Outcome(StrEnum):
    """How a check ended."""

    PASSED = "passed"
    FAILED = "failed"
    NOT_MEASURED = "not measured"
    SKIPPED = "skipped"  # only the user's own tests can skip


class Category(StrEnum):
    """What a check is about."""

    CONFIG = "config"  # hosts are configured as the plan says
    HEALTH = "health"  # the cluster works
    BUDGET = "budget"  # nodes use no more than they may
    OWN = "own"  # the user's tests


TITLES = {
    Category.CONFIG: "Configuration",
    Category.HEALTH: "Health",
    Category.BUDGET: "Budgets",
    Category.OWN: "Your own tests",
}


@dataclass(frozen=True)
class CheckResult:
    """One check on one node. ``subject`` is what it is about: a path, an image, a figure.

    ``message`` is one line, ``hint`` the next step where it is known, ``detail`` several lines that
    help to find the cause. ``because`` names the result of which this one is a consequence, as
    ``about`` gives it.
    """

    node: str
    check: str
    subject: str
    outcome: Outcome
    message: str = ""
    category: Category = Category.CONFIG
    detail: str = ""
    hint: str = ""
    because: str = ""

    @property
    def about(self) -> str:
        """The node and the check: ``agent-1 service``."""
        return f"{self.node} {self.check}"

    @property
    def bad(self) -> bool:
        """Whether it failed, or could not be measured."""
        return self.outcome in {Outcome.FAILED, Outcome.NOT_MEASURED}


@dataclass(frozen=True)
class Measured:
    """One figure of a node: ``used`` is None where it was not measured, which ``why`` explains.

    ``series`` has seconds since the window began, and values in the figure's unit. ``note`` says
    that the host cannot reach the limit at all.
    """

    what: str
    used: int | None
    limit: int | None
    fits: bool | None
    why: str = ""
    spread: Spread | None = None
    series: tuple[tuple[float, int], ...] = ()
    note: str = ""


@dataclass(frozen=True)
class NodeReport:
    """A node and its figures; ``disk`` has bytes by directory, the largest first."""

    name: str
    role: str
    figures: tuple[Measured, ...] = ()
    seconds: float = 0.0
    method: str = "cgroup"
    disk: tuple[tuple[str, int], ...] = ()
    address: str = ""
    budget: str = ""


@dataclass(frozen=True)
class Verification:
    """A whole run. ``when`` is ISO 8601 with its zone, ``k3s`` the expected version.

    ``bundle`` says which bundle it was held against, ``signer`` who signed that; ``not_run`` has
    checks that do not apply or were not selected, and why.
    """

    cluster: str
    when: str
    k3s: str
    results: tuple[CheckResult, ...]
    nodes: tuple[NodeReport, ...] = field(default=())
    bundle: str = ""
    signer: str = ""
    not_run: tuple[tuple[str, str], ...] = ()

    @property
    def exit_code(self) -> int:
        """1 if a check failed, else 6 if one, or all, could not be measured, else 0."""
        outcomes = {result.outcome for result in self.results}
        if Outcome.FAILED in outcomes:
            return 1
        return NotMeasured.exit_code if Outcome.NOT_MEASURED in outcomes or not outcomes else 0

    def count(self, outcome: Outcome) -> int:
        """How many checks have this outcome."""
        return sum(result.outcome is outcome for result in self.results)
