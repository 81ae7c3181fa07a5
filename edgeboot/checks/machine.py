"""The machine itself: architecture, memory, processors, power, temperature."""

from __future__ import annotations

from collections.abc import Iterator

from edgeboot.checks.base import Complaint, Subject, refuse, unknown, warn
from edgeboot.components.k3s.lean import is_lean
from edgeboot.inventory.model import Node, Role
from edgeboot.plan import paths
from edgeboot.plan.steps import Upload, human_size
from edgeboot.platform import arch_of_elf, arch_of_machine

_MIB = 1 << 20
# Below the first figure K3s thrashes or does not start, below the second little is left for pods.
# Measured: docs/preflight.md. A board of 512 MB shows about 430 MiB, one of 2 GB 1850 MiB.
_MEMORY = {Role.SERVER: (700 * _MIB, 1800 * _MIB), Role.AGENT: (320 * _MIB, 480 * _MIB)}
# With limits on the Go runtime (docs/hosts.md): measured at 512 MiB.
_LEAN = {Role.SERVER: (480 * _MIB, 700 * _MIB), Role.AGENT: (320 * _MIB, 400 * _MIB)}
_HOT = 80.0  # Raspberry Pis throttle from 80 °C


def arch(subject: Subject) -> Iterator[Complaint]:
    """K3s exists for the machine, and the bundle carries it."""
    machine = subject.facts.traits.machine
    found = arch_of_machine(machine)
    if found is None:
        yield refuse(f"K3s does not support {machine}", "install a 64-bit or ARMv7 system")
    elif subject.contents is None:
        yield unknown("no bundle given to compare the architecture with", "pass --bundle FILE")
    elif subject.contents.k3s_binary(found.name) is None:
        carried = ", ".join(subject.contents.arches)
        yield refuse(
            f"the host is {found.name} ({machine}), but the bundle is for {carried}",
            f"build a bundle with `arches: [{found.name}]` under `k3s`",
        )


def binary(subject: Subject) -> Iterator[Complaint]:
    """The K3s binary is for this machine, whatever the bundle's table of contents says."""
    wanted = arch_of_machine(subject.facts.traits.machine)
    for step in subject.steps:
        if not isinstance(step, Upload) or step.path != paths.K3S_BINARY:
            continue
        found = arch_of_elf(next(iter(step.source.open()), b"")[:20])
        if found is not None and found is not wanted:
            yield refuse(
                f"the bundle's binary for {wanted.name if wanted else 'this host'} is built for "
                f"{found.name}",
                "rebuild the bundle",
            )


def userland(subject: Subject) -> Iterator[Complaint]:
    """The userland has the same word size as the kernel."""
    traits, bits = subject.facts.traits, subject.facts.condition.userland_bits
    if traits.machine in {"x86_64", "aarch64"} and bits == 32:
        yield warn(
            f"it runs a 32-bit system on a 64-bit kernel ({traits.machine}): K3s and images are "
            "64-bit, but the system's iptables and modprobe are not",
            "flash a 64-bit image, or set `prefer-bundled-bin: true` under `config`",
        )


def page_size(subject: Subject) -> Iterator[Complaint]:
    """The kernel's page size is the one that images are built for."""
    size = subject.facts.condition.page_size
    if size is not None and size > 4096:
        yield warn(
            f"its kernel uses {size // 1024} KiB pages: images with jemalloc or another allocator "
            "of their own may crash (Redis, older Rust and Go tools)",
            "on a Raspberry Pi 5 add `kernel=kernel8.img` to /boot/firmware/config.txt and reboot",
        )


def memory(subject: Subject) -> Iterator[Complaint]:
    """There is enough memory for the role and for the budget."""
    node, has = subject.node, subject.facts.traits.memory
    lean = is_lean(node)
    least, fair = (_LEAN if lean else _MEMORY)[node.role]
    budget = node.budget.memory
    if has < least:
        yield refuse(
            f"it has {human_size(has)} of memory; a K3s {node.role.value} needs at least "
            f"{human_size(least)}",
            _with_less(node, has),
        )
    elif budget is not None and budget > has:
        yield refuse(
            f"its memory budget is {human_size(budget)}, but it has only {human_size(has)}",
            "lower this node's `budget: memory`",
        )
    elif has < fair:
        yield warn(
            f"it has {human_size(has)} of memory, which leaves little for pods beside a K3s "
            f"{node.role.value}",
            "list components you do not need under `disable`, or set `profiles: [lean]`"
            if node.role is Role.SERVER and not lean
            else "keep its workload small",
        )


def _with_less(node: Node, has: int) -> str:
    """What can be done about too little memory."""
    if node.role is Role.SERVER and not is_lean(node) and has >= _LEAN[Role.SERVER][0]:
        return "set `profiles: [lean]`, or make it an agent"
    if node.role is Role.SERVER and has >= _MEMORY[Role.AGENT][0]:
        return "make it an agent"
    return "use a host with more memory"


def processors(subject: Subject) -> Iterator[Complaint]:
    """A server has more than one processor."""
    if subject.node.role is Role.SERVER and subject.facts.traits.cpus < 2:
        yield warn(
            "it has one processor; K3s recommends two for a server",
            "expect a slow API, or use a host with more processors",
        )


def power(subject: Subject) -> Iterator[Complaint]:
    """The board has had enough voltage since it booted."""
    bits = subject.facts.condition.throttled
    if bits is not None and bits & 0x1:
        yield warn("its voltage is too low", "use a stronger power supply or cable")
    elif bits is not None and bits & 0x10000:
        yield warn(
            "its voltage was too low at some time since it booted",
            "use a stronger power supply or cable: low voltage damages cards",
        )


def heat(subject: Subject) -> Iterator[Complaint]:
    """The board is cool enough to run at full speed."""
    bits, degrees = subject.facts.condition.throttled, subject.facts.condition.temperature
    if degrees is not None and degrees >= _HOT:
        yield warn(f"it is at {degrees:.0f} °C and will be throttled", "improve its cooling")
    elif bits is not None and bits & 0xE:
        yield warn("it is throttled", "improve its cooling, or use a stronger power supply")
