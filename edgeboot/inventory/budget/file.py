"""A budget of a site's own in a file: what ``verify --record`` writes and ``--budget`` reads.

It is the part of an inventory that begins with ``roles:``, so that it can be pasted into one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from edgeboot.errors import BadInput
from edgeboot.inventory.budget.section import BUDGET_SECTION
from edgeboot.inventory.budget.values import ALL_FIGURES, NAMED, effective, write_amount
from edgeboot.inventory.model import Budget, Role
from edgeboot.yaml import parser
from edgeboot.yaml.section import Section, optional
from edgeboot.yaml.types import At
from edgeboot.yaml.wording import quoted, suggestion


def named_budget(name: str) -> dict[Role, dict[str, int]]:
    """The limits of a named budget, or of the file of that name, by role."""
    if name in NAMED:
        return {role: effective(role, Budget(base=name)) for role in Role}
    path = Path(name)
    if not path.exists():
        hint = f"name a file, or a budget ({suggestion(name, tuple(NAMED))})"
        raise BadInput(f"no budget and no file named {quoted(name)}", hint=hint)
    return load_budget(path)


def load_budget(path: Path) -> dict[Role, dict[str, int]]:
    """The limits of a budget file by role; what it leaves open is that of its base."""
    document = parser.load(path)
    at = At("", "", document.where(), path.parent)
    return _FILE.read(document, at)


_BUDGET = optional("budget", BUDGET_SECTION, default=Budget())
_LAYER = Section((_BUDGET,), lambda v: v[_BUDGET], title="role {key}")
_BY_ROLE = {role: optional(role.value, _LAYER, default=Budget()) for role in Role}
_ROLES = optional(
    "roles",
    Section(
        tuple(_BY_ROLE.values()),
        lambda v: {role: v[key] for role, key in _BY_ROLE.items()},
        title="{key}",
    ),
    default=dict.fromkeys(Role, Budget()),
)
_FILE = Section(
    (_ROLES,),
    lambda v: {role: effective(role, budget) for role, budget in v[_ROLES].items()},
    title="a budget file",
)


def budget_text(limits: Mapping[Role, Mapping[str, int]], comment: str) -> str:
    """A budget file with these limits, which ``load_budget`` reads."""
    return "\n".join([f"# {comment}", "roles:", *_roles(limits), ""])


def _roles(limits: Mapping[Role, Mapping[str, int]]) -> Iterator[str]:
    for role, of_role in limits.items():
        yield f"  {role.value}:"
        yield "    budget:"
        for name, limit in of_role.items():
            yield f"      {name}: {write_amount(ALL_FIGURES[name].unit, limit)}"
