"""``budget``: limits on what a node may use."""

from __future__ import annotations

from edgeboot.inventory.budget import quantities
from edgeboot.inventory.budget.values import (
    COMPONENTS,
    FIGURES,
    NAMED,
    Figure,
    Unit,
    budget_of,
    parse_amount,
)
from edgeboot.inventory.model import Budget
from edgeboot.yaml.section import Key, Section, Values, optional
from edgeboot.yaml.types import Choice, Literal, Schema

_SIZE = {"type": ["string", "integer"], "pattern": quantities.BYTES_PATTERN, "minimum": 1}
_CPU = {"type": ["string", "number"], "pattern": quantities.CPU_PATTERN, "exclusiveMinimum": 0}
_SCHEMAS: dict[Unit, Schema] = {
    Unit.BYTES: _SIZE,
    Unit.CPU: _CPU,
    Unit.LOAD: _CPU,
    Unit.PERCENT: {**_CPU, "pattern": quantities.PERCENT_PATTERN},
    Unit.TIME: {**_CPU, "pattern": quantities.SECONDS_PATTERN},
    Unit.RATE: {**_SIZE, "pattern": quantities.RATE_PATTERN},
    Unit.COUNT: {**_SIZE, "pattern": quantities.COUNT_PATTERN},
}


def _amount(unit: Unit) -> Literal[int]:
    return Literal(lambda text: parse_amount(unit, text), _SCHEMAS[unit])


def _limit(name: str, figure: Figure) -> Key[int | None]:
    doc = f"At {'least' if figure.at_least else 'most'}: {figure.what} ({figure.counts})."
    return optional(name, _amount(figure.unit), doc)


def _limits(values: Values, keys: tuple[Key[int | None], ...]) -> dict[str, int]:
    return {key.name: limit for key in keys if (limit := values[key]) is not None}


def _part(names: tuple[str, ...]) -> Section[dict[str, int]]:
    keys = tuple(optional(name, _amount(FIGURES[name].unit)) for name in names)
    return Section(keys, lambda values: _limits(values, keys))


_PARTS = tuple(optional(part, _part(names)) for part, names in COMPONENTS.items())
_EACH = "; ".join(f"`{part}`: {', '.join(names)}" for part, names in COMPONENTS.items())


def _by_part(values: Values) -> dict[str, int]:
    return {
        f"{key.name}.{name}": limit for key in _PARTS for name, limit in (values[key] or {}).items()
    }


BASE = optional(
    "base", Choice(tuple(NAMED), "budget"), "The named budget for what is not limited here."
)
_FIGURES = tuple(_limit(name, figure) for name, figure in FIGURES.items())
PARTS = optional(
    "components", Section(_PARTS, _by_part), f"Limits of single parts ({_EACH}).", default={}
)


def _budget(values: Values) -> Budget:
    limits = {**_limits(values, _FIGURES), **values[PARTS]}
    return budget_of(limits, values[BASE])


BUDGET_SECTION = Section((BASE, *_FIGURES, PARTS), _budget, ref="budget")
