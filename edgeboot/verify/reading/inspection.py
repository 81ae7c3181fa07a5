"""The output of ``inspect.sh`` as values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath

from edgeboot.answer import number, understood
from edgeboot.errors import NotMeasured
from edgeboot.plan.health import Status, parse_status
from edgeboot.verify.reading.certificates import Certificate, parse_certificates
from edgeboot.verify.reading.sections import Sections

# Not secret, by the end of the path.
_PUBLIC = (".crt", ".pub", ".cache.json")
_REGULAR = frozenset({"regular file", "regular empty file"})


@dataclass(frozen=True)
class FileStatus:
    """A file or directory: permissions, ``user:group`` by number, and its kind as stat names it."""

    mode: int
    owner: str
    kind: str


@dataclass(frozen=True)
class Inspection:
    """One host's state, read once."""

    status: Status
    sections: Sections
    entries: Mapping[str, FileStatus]
    hashes: Mapping[str, str]

    @property
    def clock(self) -> float:
        """The host's clock when it was read, in seconds since 1970."""
        with understood(_unreadable):
            return float(number(self.sections.text("clock").strip()))

    @property
    def enabled(self) -> bool:
        """Whether the service starts at boot."""
        return "Enabled=yes" in self.sections.text("unit").split()

    @property
    def version(self) -> str:
        """What ``k3s --version`` printed; empty where it failed."""
        return self.sections.text("version").strip()

    @property
    def image_states(self) -> Mapping[str, str]:
        """``complete`` or ``incomplete`` by reference, from ``ctr images check``."""
        rows = (line.split() for line in self.sections.text("images").splitlines()[1:])
        return {row[0]: row[3] for row in rows if len(row) > 3}

    @property
    def certificates(self) -> tuple[Certificate, ...]:
        """All certificates of K3s on the host."""
        return parse_certificates(self.sections.text("certificates"))

    @property
    def sysctls(self) -> Mapping[str, str]:
        """Kernel settings, by their names below ``/proc/sys``."""
        rows = (line.split(" ", 2) for line in self._kernel() if line.startswith("sysctl "))
        with understood(_unreadable):
            return {row[1]: row[2] for row in rows}

    @property
    def modules(self) -> frozenset[str]:
        """Which of overlay and br_netfilter the kernel has loaded or built in."""
        return self._words("module")

    @property
    def controllers(self) -> frozenset[str]:
        """The enabled cgroup controllers."""
        return self._words("cgroup")

    def exposed(self) -> tuple[str, ...]:
        """Secrets that every user of the host can read, through all directories above them."""
        return tuple(
            path
            for path, entry in sorted(self.entries.items())
            if entry.kind in _REGULAR
            and _is_secret(path)
            and entry.mode & 0o004
            and all(self._passable(above) for above in _above(path))
        )

    def _passable(self, directory: str) -> bool:
        entry = self.entries.get(directory)
        return entry is None or bool(entry.mode & 0o001)

    def _kernel(self) -> list[str]:
        return self.sections.text("kernel").splitlines()

    def _words(self, kind: str) -> frozenset[str]:
        with understood(_unreadable):
            return frozenset(
                line.split()[1] for line in self._kernel() if line.startswith(f"{kind} ")
            )


def _unreadable(why: str) -> NotMeasured:
    return NotMeasured(f"cannot read the host's answer: {why}")


_CREDENTIALS = (
    "token",
    "/cred/",
    ".key",
    ".kubeconfig",
    ".yaml",
    "/password",
    "/db/",
    "config.toml",
)


def _is_secret(path: str) -> bool:
    """Whether a file that ``inspect.sh`` lists holds credentials."""
    if path.endswith(_PUBLIC) or "/manifests/" in path or "/static/" in path or "/images/" in path:
        return False
    within = path.startswith("/etc/rancher/") or "/k3s/server/" in path or "/k3s/agent/" in path
    return path.endswith(".env") or (within and any(word in path for word in _CREDENTIALS))


def _above(path: str) -> list[str]:
    return [str(parent) for parent in PurePosixPath(path).parents]


def parse_inspection(output: str) -> Inspection:
    """The values in the output of ``inspect.sh``."""
    sections = Sections(output)
    if "end" not in sections:
        raise NotMeasured("the host's answer is incomplete")
    with understood(_unreadable):
        return Inspection(
            status=parse_status(output),
            sections=sections,
            entries=_entries(sections.raw("modes")),
            hashes=_hashes(sections.raw("hashes")),
        )


def _entries(text: str) -> dict[str, FileStatus]:
    found = {}
    for line in text.splitlines():
        head, bar, path = line.partition("|")
        words = head.split(" ", 2)
        if bar and len(words) == 3:
            found[path] = FileStatus(number(words[0], 8), words[1], words[2])
    return found


def _hashes(text: str) -> dict[str, str]:
    rows = (line.split(maxsplit=1) for line in text.splitlines())
    return {row[1]: row[0] for row in rows if len(row) == 2 and len(row[0]) == 64}
