"""All mistakes of a file at once: readers report them here, and go on.

    problems = Problems()
    with problems:
        name = reader.text("name")
    with problems:
        port = reader.integer("port")
    problems.raise_any()
    use(name, port)

A block ends at its first mistake, so what depends on a value belongs into the block that reads it:
one mistake then gives one message.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from types import TracebackType

from edgeboot.errors import BadInput, BadInputs
from edgeboot.yaml.position import Position

MOST = 1000  # a file with more mistakes is some other file


class Problems:
    """Collects ``BadInput`` that is raised in ``with`` blocks or reported."""

    def __init__(self) -> None:
        self._errors: list[BadInput] = []
        self._failed = False

    def __enter__(self) -> None:
        """Begins a block whose mistake is collected."""

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> bool:
        if not isinstance(error, BadInput):
            return False
        self.report(error)
        return True

    def report(self, error: BadInput) -> None:
        """Adds a mistake, or all of several."""
        self._failed = True
        self._errors += each(error)
        if len(self._errors) > MOST:
            self.raise_any()

    def report_new(self, error: BadInput) -> None:
        """Adds those mistakes that are not at a place which has its message already."""
        known = {_place(known) for known in self._errors}
        self.report(BadInputs([e for e in each(error) if _place(e) not in known]))

    def collect(self, errors: Iterable[BadInput]) -> None:
        """Reports what a check yields, and what ends it."""
        with self:
            for error in errors:
                self.report(error)

    def collect_new(self, errors: Iterable[BadInput]) -> None:
        """As ``collect``, without what is about a place that has its message already."""
        for error in errors:
            self.report_new(error)

    def raise_any(self) -> None:
        """Raises what was collected, in the order of the file; returns if nothing was."""
        if not self._failed:
            return
        if len(self._errors) == 1:
            raise self._errors[0]
        raise BadInputs(sorted(self._errors, key=_order))


def each(error: BadInput) -> Iterator[BadInput]:
    """The single mistakes of an error."""
    if isinstance(error, BadInputs):
        yield from error.errors
    else:
        yield error


def reported() -> BadInputs:
    """What to raise where the mistake has its message already."""
    return BadInputs(())


def _place(error: BadInput) -> tuple[str | None, int]:
    where = error.where
    return (where, where.column if isinstance(where, Position) else 0)


def _order(error: BadInput) -> tuple[int, int]:
    where = error.where
    return (where.line, where.column) if isinstance(where, Position) else (0, 0)
