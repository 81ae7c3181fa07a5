"""A verification in Prometheus' text format, for node-exporter's textfile collector.

Source: Prometheus, "Exposition formats"; base units (bytes, seconds, cores, ratios) follow its
naming practices.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterator

from edgeboot.inventory.budget.values import ALL_FIGURES, Unit
from edgeboot.verify.results import Outcome, Verification

_FACTORS = {Unit.CPU: 1000, Unit.LOAD: 1000, Unit.PERCENT: 10_000, Unit.TIME: 1000}
_SUFFIXES = {
    Unit.BYTES: "bytes",
    Unit.CPU: "cores",
    Unit.LOAD: "load",
    Unit.PERCENT: "ratio",
    Unit.TIME: "seconds",
    Unit.RATE: "bytes_per_second",
    Unit.COUNT: "count",
}


def prometheus_text(found: Verification) -> str:
    """The time of the run, outcomes by node, each figure and its limit."""
    return "\n".join(_lines(found)) + "\n"


def _lines(found: Verification) -> Iterator[str]:
    cluster = f'cluster="{_escaped(found.cluster)}"'
    when = datetime.datetime.fromisoformat(found.when).timestamp()
    yield from _head("edgeboot_verify_time_seconds", "Time of the verification.")
    yield f"edgeboot_verify_time_seconds{{{cluster}}} {when:.0f}"
    yield from _head("edgeboot_verify_checks", "Checks by outcome.")
    for node in dict.fromkeys(r.node for r in found.results):
        for outcome in Outcome:
            number = sum(r.node == node and r.outcome is outcome for r in found.results)
            labels = f'{cluster},node="{_escaped(node)}",outcome="{outcome.value}"'
            yield f"edgeboot_verify_checks{{{labels}}} {number}"
    for what, figure in ALL_FIGURES.items():
        name = (
            f"edgeboot_verify_{what.replace('.', '_').replace('-', '_')}_{_SUFFIXES[figure.unit]}"
        )
        factor = _FACTORS.get(figure.unit, 1)
        rows = [(n.name, m) for n in found.nodes for m in n.figures if m.what == what]
        used = [(n, m.used) for n, m in rows if m.used is not None]
        limits = [(n, m.limit) for n, m in rows if m.limit is not None]
        for suffix, text, values in (
            ("", figure.what, used),
            ("_limit", f"Budget: {figure.what}", limits),
        ):
            if values:
                yield from _head(name + suffix, f"{text[0].upper()}{text[1:]}.")
            for node, value in values:
                labels = f'{cluster},node="{_escaped(node)}"'
                yield f"{name}{suffix}{{{labels}}} {_number(value, factor)}"


def _head(name: str, text: str) -> Iterator[str]:
    yield f"# HELP {name} {text}"
    yield f"# TYPE {name} gauge"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def _number(value: int, factor: int) -> str:
    return str(value) if factor == 1 else repr(value / factor)
