"""The options of ``verify``, apart from hosts and bundle, as one value."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import Any, TypeVar, cast

import click

from edgeboot.inventory.budget.quantities import parse_seconds
from edgeboot.verify.results import Category
from edgeboot.verify.selection import CheckSelection

F = TypeVar("F", bound=Callable[..., Any])
_PATH = click.Path(path_type=Path)
_SHORTEST, _LONGEST = 2, 3600


class Seconds(click.ParamType):  # type: ignore[type-arg,unused-ignore]  # by version
    """A time as ``60s``, ``2m`` or ``60``, in whole seconds."""

    name = "TIME"

    def convert(
        self, value: str | int, param: click.Parameter | None, ctx: click.Context | None
    ) -> int:
        """Whole seconds."""
        try:
            seconds = parse_seconds(str(value)) // 1000
        except ValueError as error:
            self.fail(str(error), param, ctx)
        if not _SHORTEST <= seconds <= _LONGEST:
            self.fail(f"invalid time {value}: use {_SHORTEST}s to {_LONGEST}s", param, ctx)
        return seconds


@dataclass(frozen=True)
class Wanted:
    """What to verify and where to report it; ``window`` in seconds, ``margin`` in per cent."""

    scope: CheckSelection
    window: int
    budget: str | None
    record: Path | None
    margin: int
    reports: tuple[Path, ...]
    list_only: bool
    watch: bool


_OPTIONS = (
    click.option(
        "--window",
        type=Seconds(),
        default="15s",
        show_default=True,
        help="How long to sample usage: 60s, 2m.",
    ),
    click.option(
        "--only",
        type=click.Choice([q.value for q in Category]),
        multiple=True,
        help="Run only these checks; repeatable. `own` are your --tests.",
    ),
    click.option("-k", "keyword", help="Run only checks whose names match, as pytest's -k."),
    click.option("--no-pods", is_flag=True, help="Skip checks that start pods."),
    click.option(
        "--tests",
        type=_PATH,
        multiple=True,
        help="Also run your own tests in this directory or file.",
    ),
    click.option("--budget", help="Use this budget for all nodes: a name, or a file."),
    click.option("--record", type=_PATH, help="Write what was used, plus a margin, as a budget."),
    click.option(
        "--margin",
        type=click.IntRange(0, 1000),
        default=20,
        show_default=True,
        help="Per cent to add for --record.",
    ),
    click.option(
        "--report",
        "reports",
        type=_PATH,
        multiple=True,
        help="Also write a report: .html, .json, .jsonl, .xml (JUnit) or .prom; repeatable.",
    ),
    click.option("--list", "list_only", is_flag=True, help="List the checks and exit."),
    click.option("--watch", is_flag=True, help="Show usage continuously, until Ctrl-C."),
)


def wanted_options(function: F) -> F:
    """All of these options as one value, ``wanted``."""

    @wraps(function)
    def with_wanted(
        *args: Any,
        only: tuple[str, ...],
        keyword: str | None,
        no_pods: bool,
        tests: tuple[Path, ...],
        window: int,
        budget: str | None,
        record: Path | None,
        margin: int,
        reports: tuple[Path, ...],
        list_only: bool,
        watch: bool,
        **kwargs: Any,
    ) -> Any:
        categories = frozenset(map(Category, only)) or frozenset(Category)
        scope = CheckSelection(
            categories, keyword, not no_pods, tests if Category.OWN in categories else ()
        )
        wanted = Wanted(scope, window, budget, record, margin, reports, list_only, watch)
        return function(*args, wanted=wanted, **kwargs)

    decorated: Callable[..., Any] = with_wanted
    for option in reversed(_OPTIONS):
        decorated = option(decorated)
    return cast(F, decorated)
