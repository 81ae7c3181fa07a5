"""The tree of expected errors, each with the exit code the shell sees.

    EdgebootError
     ├── BadInput        2   an inventory, a bundle spec or an option is wrong
     ├── Unreachable     3   a host does not answer
     ├── StepFailed      4   a step failed on a host, or on this machine
     ├── Refused         5   edgeboot declines: host key, signature, lock, preflight, version
     ├── NotMeasured     6   a check could not run
     └── Interrupted   130   Ctrl-C or SIGTERM

An expected error says what happened, where (file:line or host), and what to do next.
"""

from __future__ import annotations

from collections.abc import Iterable


class EdgebootError(Exception):
    """An expected failure.

    ``what`` is one sentence, ``where`` a ``file:line`` or a host, ``hint`` what to do next.
    ``error_id`` is the heading in docs/troubleshooting.md that explains the fix; it never changes.
    """

    exit_code = 4
    error_id = "step-failed"

    def __init__(
        self,
        what: str,
        *,
        where: str | None = None,
        hint: str | None = None,
        error_id: str | None = None,
    ) -> None:
        super().__init__(what)
        self.what = what
        self.where = where
        self.hint = hint
        self.error_id = error_id or self.error_id

    def tell(self) -> str:
        """The error for a terminal, with its id after the first line."""
        first, newline, rest = str(self).partition("\n")
        return f"{first} [{self.error_id}]{newline}{rest}"

    def __str__(self) -> str:
        head = f"{self.where}: {self.what}" if self.where else self.what
        return f"{head}\n  next: {self.hint}" if self.hint else head


class BadInput(EdgebootError):
    """The user's input is invalid."""

    exit_code = 2
    error_id = "bad-input"


class BadInputs(BadInput):
    """Several mistakes in what the user wrote; ``errors`` has each, in the order of the file."""

    def __init__(self, errors: Iterable[BadInput]) -> None:
        self.errors = tuple(errors)
        super().__init__("\n".join(str(error) for error in self.errors))


class Unreachable(EdgebootError):
    """A host does not answer over SSH, or stopped answering."""

    exit_code = 3
    error_id = "unreachable"


class StepFailed(EdgebootError):
    """A step ran and failed."""

    exit_code = 4


class Refused(EdgebootError):
    """edgeboot declines to continue: host key, signature, lock, preflight, quorum, version."""

    exit_code = 5
    error_id = "refused"


class NotMeasured(EdgebootError):
    """A figure could not be measured, or a check could not run; never the same as passed."""

    exit_code = 6
    error_id = "not-measured"


class Interrupted(EdgebootError):
    """Ctrl-C or SIGTERM ended the command."""

    exit_code = 130
    error_id = "interrupted"


_PRECEDENCE = (130, 2, 5, 4, 3, 1, 6)


def combined_exit_code(codes: Iterable[int]) -> int:
    """The exit code of a run in which several things ended differently: the gravest one."""
    seen = set(codes)
    for code in _PRECEDENCE:
        if code in seen:
            return code
    return 0
