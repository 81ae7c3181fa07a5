"""What the host is: architecture, memory, processors, power, heat."""

from __future__ import annotations

from collections.abc import Iterator

from edgeboot.checks.base import Complaint, Subject, refuse, unknown, warn
from edgeboot.components.k3s.lean import is_lean
from edgeboot.inventory.model import Node, Role
from edgeboot.plan import paths
from edgeboot.plan.steps import Upload, human_size
from edgeboot.platform import arch_of_elf, arch_of_machine

_MIB = 1 << 20
# Below the first figure K3s does not come up or thrashes, below the second nothing is left for
# pods. Measured: docs/preflight.md. A board of 512 MB shows about 430 MiB, one of 2 GB 1850 MiB.
_MEMORY = {Role.SERVER: (700 * _MIB, 1800 * _MIB), Role.AGENT: (320 * _MIB, 480 * _MIB)}
# With the Go runtime held back (docs/hosts.md): measured at 512 MiB.
_LEAN = {Role.SERVER: (480 * _MIB, 700 * _MIB), Role.AGENT: (320 * _MIB, 400 * _MIB)}
_HOT = 80.0  # Raspberry Pis throttle from 80 °C


def arch(subject: Subject) -> Iterator[Complaint]:
    """K3s exists for the machine, and the bundle carries it."""
    machine = subject.facts.traits.machine
    found = arch_of_machine(machine)
    if found is None:
        yield refuse(f"K3s does not exist for {machine}", "take a 64-bit or an ARMv7 system")
    elif subject.contents is None:
        yield unknown("no bundle is named to compare with", "give --bundle FILE")
    elif subject.contents.k3s_binary(found.name) is None:
        carried = ", ".join(subject.contents.arches)
        yield refuse(
            f"the host is {found.name} ({machine}), but the bundle carries {carried} only",
            f"build a bundle with `arches: [{found.name}]` under `k3s`",
        )


def binary(subject: Subject) -> Iterator[Complaint]:
    """The binary to be sent is for the machine, whatever the bundle says of it."""
    wanted = arch_of_machine(subject.facts.traits.machine)
    for step in subject.steps:
        if not isinstance(step, Upload) or step.path != paths.K3S_BINARY:
            continue
        found = arch_of_elf(next(iter(step.source.open()), b"")[:20])
        if found is not None and found is not wanted:
            yield refuse(
                f"the bundle's binary for {wanted.name if wanted else 'it'} is one for "
                f"{found.name}",
                "build the bundle anew",
            )


def userland(subject: Subject) -> Iterator[Complaint]:
    """The programs of the system are as wide as its kernel."""
    traits, bits = subject.facts.traits, subject.facts.condition.userland_bits
    if traits.machine in {"x86_64", "aarch64"} and bits == 32:
        yield warn(
            f"a 32-bit system runs on its 64-bit kernel ({traits.machine}): K3s and images will be "
            "64-bit, the system's own iptables and modprobe are not",
            "write a 64-bit image onto its card, or set `prefer-bundled-bin: true` under `config`",
        )


def page_size(subject: Subject) -> Iterator[Complaint]:
    """Pages have the size that images are built for."""
    size = subject.facts.condition.page_size
    if size is not None and size > 4096:
        yield warn(
            f"its kernel has pages of {size // 1024} KiB: images with jemalloc or an own allocator "
            "may crash (Redis, older Rust and Go tools)",
            "on a Raspberry Pi 5 write `kernel=kernel8.img` into /boot/firmware/config.txt, reboot",
        )


def memory(subject: Subject) -> Iterator[Complaint]:
    """There is memory for the role, and for the budget."""
    node, has = subject.node, subject.facts.traits.memory
    lean = is_lean(node)
    least, fair = (_LEAN if lean else _MEMORY)[node.role]
    budget = node.budget.memory
    if has < least:
        yield refuse(
            f"it has {human_size(has)} of memory; a K3s {node.role.value} does not run in less "
            f"than {human_size(least)}",
            _with_less(node, has),
        )
    elif budget is not None and budget > has:
        yield refuse(
            f"its memory budget is {human_size(budget)}, but it has {human_size(has)}",
            "lower `budget: memory` of this node",
        )
    elif has < fair:
        yield warn(
            f"it has {human_size(has)} of memory, which leaves little beside a K3s "
            f"{node.role.value}",
            "list what is not needed under `disable`, or write `profiles: [lean]`"
            if node.role is Role.SERVER and not lean
            else "keep its workload small",
        )


def _with_less(node: Node, has: int) -> str:
    """What can be done with so little memory."""
    if node.role is Role.SERVER and not is_lean(node) and has >= _LEAN[Role.SERVER][0]:
        return "write `profiles: [lean]`, or make it an agent"
    if node.role is Role.SERVER and has >= _MEMORY[Role.AGENT][0]:
        return "make it an agent"
    return "take a host with more memory"


def processors(subject: Subject) -> Iterator[Complaint]:
    """A server has more than one processor."""
    if subject.node.role is Role.SERVER and subject.facts.traits.cpus < 2:
        yield warn("it has one processor; K3s asks for two on a server", "expect slow answers")


def power(subject: Subject) -> Iterator[Complaint]:
    """The board has had enough voltage since it was started."""
    bits = subject.facts.condition.throttled
    if bits is not None and bits & 0x1:
        yield warn("it has too little voltage right now", "take a stronger power supply or cable")
    elif bits is not None and bits & 0x10000:
        yield warn(
            "it had too little voltage since it was started",
            "take a stronger power supply or cable: cards get damaged this way",
        )


def heat(subject: Subject) -> Iterator[Complaint]:
    """The board is not so hot that it runs slower."""
    bits, degrees = subject.facts.condition.throttled, subject.facts.condition.temperature
    if degrees is not None and degrees >= _HOT:
        yield warn(f"it is {degrees:.0f} °C hot and will be throttled", "cool it")
    elif bits is not None and bits & 0xE:
        yield warn("it is throttled right now", "cool it, or take a stronger power supply")
