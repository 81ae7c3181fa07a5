"""Expected errors of the lab, with the exit codes of the tree in :mod:`edgeboot.errors`."""

from __future__ import annotations

from edgeboot.errors import BadInput, EdgebootError, Refused, StepFailed


class LabError(EdgebootError):
    """Something about the lab went wrong; always raised as one of the classes below."""


class LabBadInput(LabError, BadInput):
    """A lab was asked for that cannot be: a name, a number of hosts, a memory size."""


class LabRefused(LabError, Refused):
    """The machine lacks something, or another process is working on the same lab."""


class LabFailed(LabError, StepFailed):
    """A command failed, or a host did not boot."""
