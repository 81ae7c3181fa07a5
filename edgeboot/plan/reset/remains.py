"""What K3s and edgeboot left on a host, as ``survey.sh`` reports it, and the steps to remove it."""

from __future__ import annotations

from dataclasses import dataclass, field

from edgeboot.answer import number, understood
from edgeboot.errors import StepFailed
from edgeboot.plan import paths
from edgeboot.plan.reset.clear import Clear, ResetTarget
from edgeboot.plan.steps import human_size


@dataclass(frozen=True)
class Loss:
    """Data that a reset destroys; ``size`` in bytes, None if unknown."""

    what: str
    size: int | None = None

    def describe(self) -> str:
        """One line for people."""
        return self.what if self.size is None else f"{self.what} ({human_size(self.size)})"


@dataclass(frozen=True)
class Moved:
    """A directory of K3s's that a link leads elsewhere: it is emptied, the link stays."""

    link: str
    target: str
    size: int  # in bytes


@dataclass(frozen=True)
class Remains:
    """Everything to remove from a host. Sizes in bytes by path."""

    services: tuple[str, ...] = ()
    processes: int = 0
    mounts: tuple[str, ...] = ()
    namespaces: tuple[str, ...] = ()
    links: tuple[str, ...] = ()
    rules: int = 0
    paths: dict[str, int] = field(default_factory=dict)
    disks: tuple[str, ...] = ()  # file systems of their own below K3s's directory: emptied
    moved: tuple[Moved, ...] = ()
    astray: dict[str, str] = field(default_factory=dict)  # what cannot be removed, and why
    record: bool = False  # edgeboot's own record of what it put there
    volumes: dict[str, int] = field(default_factory=dict)
    data: dict[str, int] = field(default_factory=dict)
    claims: tuple[Loss, ...] = ()  # persistent volumes, if the API answers


def parse_remains(output: str, node: str) -> Remains:
    """The remains that ``survey.sh`` prints; ``StepFailed`` if its output is incomplete."""
    with understood(lambda why: _unreadable(node, why)):
        said, end, _rest = output.rpartition("\nend\n")
        if not end:
            raise ValueError("the last line is missing")
        return _parse([tuple(line.partition(" ")[::2]) for line in said.splitlines()])


def _unreadable(node: str, why: str) -> StepFailed:
    return StepFailed(
        f"cannot parse the host's report of what is on it: {why}",
        where=node,
        hint="rerun with --verbose and report the output",
    )


def _parse(rows: list[tuple[str, ...]]) -> Remains:
    def all_of(key: str) -> tuple[str, ...]:
        return tuple(rest for found, rest in rows if found == key)

    def sizes(key: str) -> dict[str, int]:
        pairs = (rest.partition(" ")[::2] for rest in all_of(key))
        return {path: number(kibibytes or "0") * 1024 for kibibytes, path in pairs}

    return Remains(
        services=all_of("service"),
        processes=number(all_of("processes")[0]),
        mounts=all_of("mount"),
        namespaces=all_of("namespace"),
        links=all_of("link"),
        rules=number(all_of("rules")[0]),
        paths=sizes("path"),
        disks=all_of("disk"),
        moved=tuple(map(_moved, all_of("moved"))),
        astray=dict(row.partition(" ")[::2] for row in all_of("astray")),
        record=("record", "") in rows,
        volumes=sizes("volume"),
        data=sizes("data"),
    )


def _moved(row: str) -> Moved:
    link, kibibytes, target = row.split(" ", 2)
    return Moved(link, target, int(kibibytes or 0) * 1024)


def losses(remains: Remains) -> tuple[Loss, ...]:
    """The data that is lost with the remains: volumes first, then the cluster's own."""
    names = {
        f"{paths.SERVER}/db": "the cluster's database",
        f"{paths.AGENT}/containerd": "container images and the layers of running pods",
        paths.IMAGES: "image archives",
    }
    return (
        *(Loss(f"volume {path}", size) for path, size in sorted(remains.volumes.items())),
        *remains.claims,
        *(Loss(f"{names.get(path, 'data')} {path}", size) for path, size in remains.data.items()),
        *(Loss(f"all files on {disk}, which stays mounted") for disk in remains.disks),
        *(
            Loss(f"all files in {one.target}, where {one.link} leads", one.size)
            for one in remains.moved
        ),
    )


def clearing_steps(remains: Remains) -> tuple[Clear, ...]:
    """The steps that leave nothing of it, in order."""
    gone = tuple(remains.paths)
    network = (*remains.namespaces, *remains.links)
    linked = {one.link for one in remains.moved}  # their paths count what is behind them, too
    sizes = [size for path, size in remains.paths.items() if path not in linked]
    size = human_size(sum((*sizes, *(one.size for one in remains.moved))))
    processes, rules = _counted(remains.processes, "process"), _counted(remains.rules, "rule")
    steps = (
        *(Clear(ResetTarget.SERVICE, (s,), f"stop and disable {s}") for s in remains.services),
        *_one(remains.processes, ResetTarget.PROCESSES, f"kill {processes} of K3s and its pods"),
        *_one(remains.mounts, ResetTarget.MOUNTS, f"unmount {_listed(remains.mounts)}"),
        *_one(
            network, ResetTarget.NETWORK, f"remove links and network namespaces {_listed(network)}"
        ),
        *_one(remains.rules, ResetTarget.RULES, f"remove {rules} of K3s from iptables"),
    )
    if gone or remains.moved:
        targets = [f"what is in {one.target}" for one in remains.moved]
        words = " ".join((*gone, *(("and",) if gone and targets else ()), ", ".join(targets)))
        steps = (*steps, Clear(ResetTarget.PATHS, gone, f"remove {words.strip()} ({size})"))
    if remains.record:
        steps = (*steps, Clear(ResetTarget.RECORD, (), f"remove edgeboot's own {paths.OURS}"))
    return steps


def _one(present: object, part: ResetTarget, text: str) -> tuple[Clear, ...]:
    return (Clear(part, (), text),) if present else ()


def _counted(number: int, what: str) -> str:
    plural = "es" if what.endswith("s") else "s"
    return f"{number} {what}{plural if number != 1 else ''}"


def _listed(names: tuple[str, ...], most: int = 4) -> str:
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more
