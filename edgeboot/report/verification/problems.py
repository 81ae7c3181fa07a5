"""What is wrong, each cause once: over nodes, over subjects, with what follows from it. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from edgeboot.verify.results import CheckResult, Outcome, Verification

_NAMED = 3  # subjects, checks and nodes that are named; the others are counted


@dataclass(frozen=True)
class Problem:
    """One cause: the same on ``nodes``, for all ``subjects`` of ``checks``.

    ``follows`` counts further results by check, which are consequences.
    """

    outcome: Outcome
    nodes: tuple[str, ...]
    checks: tuple[str, ...]
    subjects: tuple[str, ...]
    message: str
    hint: str
    detail: str
    follows: tuple[tuple[str, int], ...] = ()


def problems_of(found: Verification) -> tuple[Problem, ...]:
    """All problems, failures first, in the order of the checks."""
    roots = [r for r in found.results if r.bad and not r.because]
    follows: dict[str, list[CheckResult]] = {}
    for result in found.results:
        if result.because:
            follows.setdefault(result.because, []).append(result)
    problems = [_problem(group, follows) for group in _groups(roots)]
    return tuple(sorted(problems, key=lambda p: p.outcome is not Outcome.FAILED))


def skipped_of(found: Verification) -> tuple[Problem, ...]:
    """What was skipped, by its reason."""
    return tuple(
        _problem(group, {})
        for group in _groups([r for r in found.results if r.outcome is Outcome.SKIPPED])
    )


def _groups(results: Sequence[CheckResult]) -> Iterator[list[CheckResult]]:
    """Results that are alike but for the node; of these, those that are alike but for the subject.

    What could not be measured for one reason is one problem, whatever the checks.
    """
    by_node: dict[tuple[str, ...], list[CheckResult]] = {}
    for one in results:
        key = (one.outcome.value, one.check, one.subject, one.message, one.hint, one.detail)
        by_node.setdefault(key, []).append(one)
    merged: dict[tuple[object, ...], list[CheckResult]] = {}
    for group in by_node.values():
        one = group[0]
        check = one.check if one.outcome is Outcome.FAILED else ""
        nodes = tuple(dict.fromkeys(r.node for r in group))
        alike = (one.outcome, check, nodes, one.message, one.hint, one.detail)
        merged.setdefault(alike, []).extend(group)
    yield from merged.values()


def _problem(group: Sequence[CheckResult], follows: dict[str, list[CheckResult]]) -> Problem:
    first = group[0]
    counted: dict[str, int] = {}
    for about in dict.fromkeys(one.about for one in group):
        for result in follows.get(about, ()):
            counted[result.check] = counted.get(result.check, 0) + 1
    return Problem(
        outcome=first.outcome,
        nodes=tuple(dict.fromkeys(one.node for one in group)),
        checks=tuple(dict.fromkeys(one.check for one in group)),
        subjects=tuple(dict.fromkeys(one.subject for one in group if one.subject)),
        message=first.message,
        hint=first.hint,
        detail=first.detail,
        follows=tuple(counted.items()),
    )


def problem_lines(problem: Problem) -> Iterator[str]:
    """A problem for people: one line, what follows from it, details, and what to do."""
    about = " ".join(filter(None, (_listed(problem.checks), _listed(problem.subjects))))
    yield f"{problem.outcome.value}: {', '.join(problem.nodes)}: {about}: {problem.message}"
    if problem.follows:
        total = sum(number for _, number in problem.follows)
        names = _listed(tuple(name for name, _ in problem.follows))
        yield f"    {total} {'check follows' if total == 1 else 'checks follow'} from this: {names}"
    yield from (f"    {line}" for line in problem.detail.splitlines())
    if problem.hint:
        yield f"    next: {problem.hint}"


def _listed(names: Sequence[str]) -> str:
    more = len(names) - _NAMED
    rest = f" and {more} more" if more > 0 else ""
    return ", ".join(names[:_NAMED]) + rest
