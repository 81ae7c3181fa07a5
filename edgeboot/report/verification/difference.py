"""Two verifications compared: before and after an upgrade."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from edgeboot.errors import NotMeasured
from edgeboot.verify.measure.budgets import shown
from edgeboot.verify.results import CheckResult, Outcome, Verification

_NOISE = 0.05  # figures that changed less count as equal


@dataclass(frozen=True)
class Turned:
    """A check with another outcome; None for a run that did not include it."""

    before: CheckResult | None
    after: CheckResult | None

    @property
    def worse(self) -> bool:
        """Whether it fails now and did not fail before."""
        return _outcome(self.after) is Outcome.FAILED and _outcome(self.before) != Outcome.FAILED

    @property
    def lost(self) -> bool:
        """Whether it passed before, and nothing says whether it would now."""
        unknown = {None, Outcome.NOT_MEASURED}
        return _outcome(self.before) is Outcome.PASSED and _outcome(self.after) in unknown


@dataclass(frozen=True)
class Moved:
    """A figure of a node that both runs measured and that changed by more than 5 %."""

    node: str
    what: str
    before: int
    after: int


@dataclass(frozen=True)
class Difference:
    """What differs between two runs."""

    k3s: tuple[str, str]
    checks: tuple[Turned, ...]
    figures: tuple[Moved, ...]

    @property
    def exit_code(self) -> int:
        """1 if a check got worse, else 6 if one that passed has no outcome now, else 0."""
        if any(turned.worse for turned in self.checks):
            return 1
        return NotMeasured.exit_code if any(turned.lost for turned in self.checks) else 0


def difference(before: Verification, after: Verification) -> Difference:
    """What differs, in the order of the second run; checks only in the first come last."""
    old, new = _by_key(before), _by_key(after)
    keys = [*new, *(key for key in old if key not in new)]
    turned = (Turned(old.get(key), new.get(key)) for key in keys)
    return Difference(
        k3s=(before.k3s, after.k3s),
        checks=tuple(t for t in turned if _outcome(t.before) is not _outcome(t.after)),
        figures=tuple(_moved(before, after)),
    )


def _by_key(run: Verification) -> Mapping[tuple[str, str, str], CheckResult]:
    return {(r.node, r.check, r.subject): r for r in run.results}


def _outcome(result: CheckResult | None) -> Outcome | None:
    return result.outcome if result else None


def _moved(before: Verification, after: Verification) -> Iterator[Moved]:
    old = {(n.name, m.what): m.used for n in before.nodes for m in n.figures}
    for node in after.nodes:
        for measured in node.figures:
            was, now = old.get((node.name, measured.what)), measured.used
            if was is not None and now is not None and abs(now - was) > _NOISE * max(was, 1):
                yield Moved(node.name, measured.what, was, now)


def difference_lines(found: Difference) -> Iterator[str]:
    """The difference for people."""
    if found.k3s[0] != found.k3s[1]:
        yield f"K3s: {found.k3s[0]} -> {found.k3s[1]}"
    for turned in found.checks:
        one = turned.after or turned.before
        if one is None:
            continue
        about = " ".join(filter(None, (one.check, one.subject)))
        was, now = (r.outcome.value if r else "not run" for r in (turned.before, turned.after))
        message = turned.after.message if turned.after else ""
        yield f"{one.node}: {about}: {was} -> {now}{f': {message}' if message else ''}"
    for moved in found.figures:
        change = f"{(moved.after - moved.before) / moved.before:+.0%}" if moved.before else "new"
        was_shown, now_shown = shown(moved.what, moved.before), shown(moved.what, moved.after)
        yield f"{moved.node}: {moved.what}: {was_shown} -> {now_shown} ({change})"
    if not found.checks and not found.figures and found.k3s[0] == found.k3s[1]:
        yield "No difference: same outcomes, and no figure changed by more than 5 %."


def difference_json(found: Difference) -> dict[str, Any]:
    """The difference for programs; a check that a run did not include is null there."""
    return {
        "k3s": list(found.k3s),
        "exit_code": found.exit_code,
        "checks": [
            {
                "node": one.node,
                "check": one.check,
                "subject": one.subject,
                "before": turned.before.outcome.value if turned.before else None,
                "after": turned.after.outcome.value if turned.after else None,
                "worse": turned.worse,
            }
            for turned in found.checks
            if (one := turned.after or turned.before)
        ],
        "figures": [vars(moved) for moved in found.figures],
    }
