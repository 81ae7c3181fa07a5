"""A budget of a site's own in a file: what ``verify --record`` writes and ``--budget`` reads.

It is the part of an inventory that begins with ``roles:``, so that it can be pasted into one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from edgeboot.errors import BadInput
from edgeboot.inventory import sections
from edgeboot.inventory.budget.values import ALL_FIGURES, NAMED, effective, write_amount
from edgeboot.inventory.model import Budget, Role
from edgeboot.inventory.settings import read_budget
from edgeboot.yaml import parser
from edgeboot.yaml.wording import nearest, quoted


def named_budget(name: str) -> dict[Role, dict[str, int]]:
    """The limits of a named budget, or of the file of that name, by role."""
    if name in NAMED:
        return {role: effective(role, Budget(base=name)) for role in Role}
    path = Path(name)
    if not path.exists():
        near = nearest(name, tuple(NAMED))
        hint = f"did you mean '{near}'?" if near else f"a file, or one of {', '.join(NAMED)}"
        raise BadInput(f"no budget and no file is called {quoted(name)}", hint=hint)
    return load_budget(path)


def load_budget(path: Path) -> dict[Role, dict[str, int]]:
    """The limits of a budget file by role; what it leaves open is that of its base."""
    top = parser.load(path).reader(("roles",), "a budget file")
    roles = top.mapping("roles").reader(sections.ROLES, "'roles'")
    found = {}
    for role in Role:
        layer = roles.mapping(role.value).reader(("budget",), f"role '{role.value}'")
        what = f"'budget' of role '{role.value}'"
        budget = read_budget(layer.mapping("budget").reader(sections.BUDGET, what))
        found[role] = effective(role, budget)
    return found


def budget_text(limits: Mapping[Role, Mapping[str, int]], comment: str) -> str:
    """A budget file with these limits, which ``load_budget`` reads."""
    return "\n".join([f"# {comment}", "roles:", *_roles(limits), ""])


def _roles(limits: Mapping[Role, Mapping[str, int]]) -> Iterator[str]:
    for role, of_role in limits.items():
        yield f"  {role.value}:"
        yield "    budget:"
        for name, limit in of_role.items():
            yield f"      {name}: {write_amount(ALL_FIGURES[name].unit, limit)}"
