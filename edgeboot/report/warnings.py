"""Warnings of preflight, each told once: not once a host, and not once a run."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from edgeboot.plan.findings import Finding, Severity
from edgeboot.report.names import names

_AMOUNT = re.compile(r"[0-9][0-9.,]*")


@dataclass(frozen=True)
class Told:
    """A warning as it is remembered: of which node, the check's id, and a digest of its words.

    Figures do not count: the same warning with others is no news.
    """

    node: str
    id: str
    words: str


def told(node: str, one: Finding) -> Told:
    """How a warning is remembered."""
    return Told(node, one.id, hashlib.sha256(_alike(one).encode()).hexdigest()[:16])


def _alike(one: Finding) -> str:
    return _AMOUNT.sub("#", one.what)


def warnings_of(findings: Mapping[str, tuple[Finding, ...]]) -> tuple[tuple[str, Finding], ...]:
    """What warns, and what could not be checked, with its node."""
    warning = {Severity.WARN, Severity.UNKNOWN}
    return tuple((n, f) for n, some in findings.items() for f in some if f.severity in warning)


def warning_lines(
    findings: Mapping[str, tuple[Finding, ...]], known: Collection[Told] = ()
) -> Iterator[str]:
    """One line a warning; hosts that share it are named together.

    Those that are ``known`` from an earlier run are counted only.
    """
    groups: dict[tuple[str, str], dict[str, str]] = {}
    before = 0
    for node, one in warnings_of(findings):
        if told(node, one) in known:
            before += 1
        else:
            groups.setdefault((one.id, _alike(one)), {}).setdefault(node, one.what)
    for (id_, _), said in groups.items():
        yield f"warning: {_where(said)}: {next(iter(said.values()))} [{id_}]"
    if before:
        yield f"{count_of(before)} as before; show {_them(before)}: `edgeboot preflight`"


def count_of(number: int) -> str:
    """``1 warning``, ``2 warnings``."""
    return "1 warning" if number == 1 else f"{number} warnings"


def _them(number: int) -> str:
    return "it" if number == 1 else "them"


def _where(said: Mapping[str, str]) -> str:
    """The hosts of a warning; where figures differ, whose are shown."""
    first, *rest = said
    if len(set(said.values())) == 1:
        return names([first, *rest])
    return f"{first} (and, with other figures, {names(rest)})"
