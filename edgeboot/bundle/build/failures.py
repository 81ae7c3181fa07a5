"""Errors of a bundle's parts, collected so that one failure does not hide another."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from edgeboot.bundle.store.blobs import DiskFailed
from edgeboot.errors import (
    BadInput,
    EdgebootError,
    Interrupted,
    Refused,
    StepFailed,
    combined_exit_code,
)

_BY_EXIT_CODE = {error.exit_code: error for error in (BadInput, Refused, StepFailed)}


@dataclass
class Failures:
    """Collected errors; ``settle`` raises them together."""

    errors: list[EdgebootError] = field(default_factory=list)

    @contextmanager
    def part(self, where: str | None) -> Iterator[None]:
        """Run one part and keep its error for ``settle``.

        ``where`` is file:line in the spec; it is set on errors that have no location of their own.
        Interrupted and DiskFailed are raised at once: they end every part.
        """
        try:
            yield
        except (Interrupted, DiskFailed):
            raise
        except EdgebootError as error:
            error.where = error.where or where
            self.errors.append(error)

    def settle(self) -> None:
        """Raise the collected error, or one that lists several; no-op if there are none."""
        if len(self.errors) == 1:
            raise self.errors[0]
        if self.errors:
            kind = _BY_EXIT_CODE[combined_exit_code(e.exit_code for e in self.errors)]
            listed = "\n".join(f"- {error}" for error in self.errors)
            raise kind(f"{len(self.errors)} parts of the bundle failed:\n{listed}")
