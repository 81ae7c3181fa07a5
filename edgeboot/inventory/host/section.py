"""The keys of a node, or of a layer, that are about its host."""

from __future__ import annotations

import ipaddress

from edgeboot.inventory import syntax
from edgeboot.inventory.host import files, hooks, paths
from edgeboot.inventory.host.boards import BOARDS
from edgeboot.inventory.host.host import Host
from edgeboot.yaml.compound import ListOf
from edgeboot.yaml.section import Section, Values, optional, required
from edgeboot.yaml.types import Boolean, Choice, Text

SWAPS = ("zram", "none", "keep")
FIREWALLS = ("open", "keep")
_SYSTEM = ("/var/lib/rancher", "/var/lib/edgeboot", "/etc", "/usr", "/run", "/proc")


def _mount(text: str) -> str:
    paths.absolute(text)
    if text.startswith(_SYSTEM):
        raise ValueError("use the path where the disk is mounted, for example /mnt/ssd")
    return text


def _time_server(text: str) -> str:
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        return syntax.address(text)


BOARD = optional(
    "board", Choice(tuple(BOARDS), "board"), "Chooses profiles and swap that you do not set."
)
SWAP = optional(
    "swap",
    Choice(SWAPS),
    "zram: compressed memory only; none: no swap; keep: unchanged.",
)
PATH = required("path", Text(_mount, "path"), "Where the disk for K3s's data is mounted.")
STORAGE_SECTION = Section((PATH,), lambda v: v[PATH], ref="storage")
STORAGE = optional("storage", STORAGE_SECTION, "A disk of its own for K3s's data.")
FIREWALL = optional(
    "firewall",
    Choice(FIREWALLS),
    "open: allow the nodes' traffic in firewalld or ufw; keep: close what was opened.",
)
SERVERS = optional(
    "servers",
    ListOf(Text(_time_server, "time server")),
    "Time servers of the site; K3s starts after the first answer.",
    default=(),
)
FLOOR = optional(
    "floor",
    Boolean(),
    "Set the clock to the last known time before K3s starts; by default on boards.",
)
TIME_SECTION = Section((SERVERS, FLOOR), lambda v: (v[SERVERS], v[FLOOR]), ref="time")
TIME = optional("time", TIME_SECTION, "The clock.", default=((), None))
FILES = optional("files", files.FILES, "Files to place on the host.", default=())
HOOKS = optional(
    "hooks",
    hooks.HOOKS,
    "Commands to run on the host once, and again when they change.",
    default=(),
)
KEYS = (BOARD, SWAP, STORAGE, FIREWALL, TIME, FILES, HOOKS)


def host(values: Values) -> Host:
    """The host, with what its board chooses."""
    board = values[BOARD]
    preset = BOARDS[board] if board else None
    servers, floor = values[TIME]
    return Host(
        board=board,
        swap=values[SWAP] or (preset.swap if preset else None) or "keep",
        storage=values[STORAGE],
        firewall=values[FIREWALL],
        time_servers=servers,
        time_floor=floor,
        files=values[FILES],
        hooks=values[HOOKS],
        chosen=f"board {board} chooses {preset.describe()}" if preset else "",
    )
