"""What preflight checks on a host: values, and the parser of the lines of ``examine.sh``.

Plans do not depend on it. None means unknown.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv4Network, ip_address

from edgeboot.answer import number

_PARAMETER = re.compile(r'(?:[^\s"]|"[^"]*")+')


@dataclass(frozen=True)
class Filesystem:
    """The file system of a directory. Sizes in bytes; ``device`` identifies the file system."""

    device: int
    total: int
    free: int  # available to root
    writable: bool
    medium: str  # sd-card, emmc, ssd, rotating or unknown


@dataclass(frozen=True)
class Mount:
    """Where the file system of a directory is mounted, and how."""

    point: str
    options: frozenset[str]


@dataclass(frozen=True)
class Inotify:
    """How many inotify instances a user may have, and how many root has."""

    most: int
    used: int


@dataclass(frozen=True)
class BootFile:
    """The file that a Raspberry Pi's firmware reads the kernel parameters from."""

    path: str
    content: bytes = field(repr=False)

    @property
    def line(self) -> str | None:
        """Its only line; None if it has another form, which must not be changed.

        The firmware has no comments, so a file with one was written with something else in mind.
        Inside an unclosed quote, appended parameters would become part of a value.
        """
        try:
            text = self.content.decode()
        except UnicodeDecodeError:
            return None
        lines = text.split("\n")
        while lines and not lines[-1].strip():
            lines.pop()
        line = lines[0].strip() if len(lines) == 1 else ""
        is_parameters = "=" in line and not line.startswith("#") and line.count('"') % 2 == 0
        return line if is_parameters and line.isprintable() else None

    @property
    def parameters(self) -> tuple[str, ...]:
        """The words of the line; spaces in double quotes do not separate words."""
        return tuple(_PARAMETER.findall(self.line or ""))


@dataclass(frozen=True)
class Condition:
    """The condition of a host. Temperatures in degrees Celsius."""

    boot_id: str = ""
    kernel_parameters: tuple[str, ...] = ()
    userland_bits: int | None = None
    page_size: int | None = None
    modules: Mapping[str, str] = field(default_factory=dict)  # loaded, builtin, loadable, missing
    filesystems: Mapping[str, Filesystem] = field(default_factory=dict)
    mounts: Mapping[str, Mount] = field(default_factory=dict)  # those that forbid something
    inotify: Inotify | None = None
    disabled_in: tuple[str, ...] = ()  # boot files with cgroup_disable=
    resolvers: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    swaps: tuple[str, ...] = ()
    iptables: str = ""  # "v1.8.9 (nf_tables)"; empty without iptables
    firewalls: frozenset[str] = frozenset()
    programs: frozenset[str] = frozenset()
    remains: frozenset[str] = frozenset()
    boot_file: BootFile | None = None
    throttled: int | None = None  # the bits of vcgencmd get_throttled; None if not a Raspberry Pi
    temperature: float | None = None
    selinux: str = ""  # enforcing or permissive; empty without it
    selinux_policy: bool = False  # whether K3s's is installed
    addresses: Mapping[str, str] = field(default_factory=dict)  # global ones -> interface
    power_save: frozenset[str] = frozenset()  # wireless interfaces that save power
    networks: tuple[IPv4Network, ...] = ()  # directly connected ones


def parse_condition(lines: Iterable[str]) -> Condition:
    """The condition from the rest of ``condition`` lines; ``ValueError`` for a malformed line."""
    one: dict[str, str] = {}
    many: dict[str, list[str]] = {}
    for line in lines:
        key, _, value = line.partition(" ")
        one[key] = value
        many.setdefault(key, []).append(value)
    page, bits, throttled = (one.get(key) for key in ("page-size", "userland-bits", "throttled"))
    return Condition(
        boot_id=one.get("boot-id", ""),
        kernel_parameters=tuple(one.get("kernel-parameters", "").split()),
        userland_bits=number(bits) if bits else None,
        page_size=number(page) if page else None,
        modules=dict(_pair(value) for value in many.get("module", ())),
        filesystems=dict(_filesystem(value) for value in many.get("filesystem", ())),
        resolvers={
            path: tuple(servers.split()) for path, servers in map(_pair, many.get("resolver", ()))
        },
        mounts=dict(_mount(value) for value in many.get("mount", ())),
        inotify=_inotify(one.get("inotify")),
        disabled_in=tuple(many.get("disabled-in", ())),
        swaps=tuple(many.get("swap", ())),
        iptables=one.get("iptables", ""),
        firewalls=frozenset(many.get("firewall", ())),
        programs=frozenset(many.get("program", ())),
        remains=frozenset(many.get("remains", ())),
        boot_file=_boot_file(one.get("boot-file")),
        throttled=number(throttled, 16) if throttled else None,
        selinux=one.get("selinux", ""),
        selinux_policy="selinux-policy" in one,
        addresses=dict(_address(value) for value in many.get("address", ())),
        power_save=frozenset(many.get("power-save", ())),
        networks=tuple(map(_network, many.get("network", ()))),
        temperature=max((number(v) / 1000 for v in many.get("temperature", ())), default=None),
    )


def _pair(value: str) -> tuple[str, str]:
    name, _, rest = value.partition(" ")
    return name, rest


def _address(value: str) -> tuple[str, str]:
    address, interface = _pair(value)
    return str(ip_address(address)), interface


def _filesystem(value: str) -> tuple[str, Filesystem]:
    device, total, free, access, medium, path = value.split(" ", 5)
    return path, Filesystem(
        number(device), number(total) * 1024, number(free) * 1024, access == "rw", medium
    )


def _mount(value: str) -> tuple[str, Mount]:
    options, point, path = value.split(" ", 2)
    return path, Mount(point, frozenset(options.split(",")))


def _inotify(value: str | None) -> Inotify | None:
    return Inotify(*map(int, value.split(" "))) if value else None


def _network(value: str) -> IPv4Network:
    """Network and mask as in /proc/net/route: hexadecimal, little-endian."""
    address, mask = (IPv4Address(number(w, 16).to_bytes(4, "little")) for w in value.split())
    return IPv4Network(f"{address}/{mask}", strict=False)


def _boot_file(value: str | None) -> BootFile | None:
    if value is None:
        return None
    path, encoded = _pair(value)
    return BootFile(path, base64.b64decode(encoded))
