"""What is verified: nodes with what they should have, and the readings that checks share."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TypeVar

from testinfra.host import Host

from edgeboot.errors import EdgebootError, NotMeasured
from edgeboot.inventory.model import Budget, Role
from edgeboot.plan.diff import content_hash
from edgeboot.plan.health import Status, parse_status
from edgeboot.plan.resources import File, Kept, Resource
from edgeboot.transport.base import Snippet, Transport
from edgeboot.verify.backend import CHECK_DEADLINE, host_of
from edgeboot.verify.budgets import Usage, parse_usage

T = TypeVar("T")

DISK_PATHS = ("/usr/local/bin/k3s", "/var/lib/rancher", "/var/lib/edgeboot")


@dataclass(frozen=True)
class ExpectedFile:
    """A file a node should have; ``sha256`` is None where K3s or chance decides the content."""

    path: str
    mode: int
    sha256: str | None


@dataclass(frozen=True)
class Expectation:
    """What one node should be."""

    node: str
    role: Role
    service: str
    version: str
    files: tuple[ExpectedFile, ...]
    images: Mapping[str, str]  # reference -> digest ("sha256:…")
    budget: Budget


def expected_files(resources: Iterable[Resource]) -> tuple[ExpectedFile, ...]:
    """The files among a node's resources."""
    found = []
    for resource in resources:
        if isinstance(resource, File):
            found.append(ExpectedFile(resource.path, resource.mode, content_hash(resource.content)))
        elif isinstance(resource, Kept):
            found.append(ExpectedFile(resource.path, resource.mode, None))
    return tuple(found)


class Subject:
    """One node under verification: its testinfra host, and readings taken once and shared."""

    def __init__(
        self,
        expected: Expectation,
        transport: Transport,
        window: int,
        server: Callable[[], Subject],
    ) -> None:
        self.expected = expected
        self.host: Host = host_of(transport)
        self._transport = transport
        self._window = window
        self._server = server
        self._status: Status | EdgebootError = NotMeasured("not read yet")
        self._usage: Usage | EdgebootError = NotMeasured("not read yet")

    def read(self) -> None:
        """Takes all readings; what went wrong is kept for the checks that ask for it."""
        self._status = _kept(self._read_status)
        self._usage = _kept(self._read_usage)

    @property
    def status(self) -> Status:
        """What the host says of its own K3s."""
        return _told(self._status)

    @property
    def usage(self) -> Usage:
        """What the node's K3s uses, over the window."""
        return _told(self._usage)

    @property
    def cluster_status(self) -> Status:
        """What the first server says of the whole cluster."""
        return self._server().status

    def _read_status(self) -> Status:
        words = (self.expected.role.value, self.expected.service)
        result = self._transport.run(Snippet("status", words), deadline=CHECK_DEADLINE)
        return parse_status(result.stdout)

    def _read_usage(self) -> Usage:
        words = (self.expected.service, str(self._window), *DISK_PATHS)
        deadline = CHECK_DEADLINE + self._window * 2
        result = self._transport.run(Snippet("measure", words), deadline=deadline)
        if not result.ok:
            why = result.stderr.strip() or f"measuring ended with exit code {result.exit_code}"
            raise NotMeasured(why, where=self.expected.node)
        return parse_usage(result.stdout)


def _kept(read: Callable[[], T]) -> T | EdgebootError:
    try:
        return read()
    except EdgebootError as error:
        return error


def _told(reading: T | EdgebootError) -> T:
    if isinstance(reading, EdgebootError):
        raise reading
    return reading
