"""``containerd``: runtimes besides runc, and settings of its own.

Source: K3s docs/advanced ("Configuring containerd"), pkg/agent/templates.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from edgeboot.errors import BadInput
from edgeboot.inventory.files import TEXT_FILE, TextFile
from edgeboot.inventory.k3s_keys import KEYS as K3S_KEYS
from edgeboot.yaml.compound import Made, MapOf
from edgeboot.yaml.section import Section, Values, optional
from edgeboot.yaml.types import TEXT, At, Boolean, Choice, Text
from edgeboot.yaml.wording import quoted, suggestion

_NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
_TYPE = re.compile(r"io\.containerd\.[A-Za-z0-9-]+\.v[0-9]+")
_PATH = re.compile(r"/[A-Za-z0-9._/+-]+")
SNAPSHOTTERS = K3S_KEYS["snapshotter"].choices
# K3s finds these itself, and has a RuntimeClass for each (manifests/runtimes.yaml)
FOUND = frozenset(
    {"nvidia", "nvidia-experimental", "nvidia-cdi", "crun", "lunatic", "slight", "spin", "wws"}
    | {"wasmedge", "wasmer", "wasmtime"}
)


@dataclass(frozen=True)
class Runtime:
    """A runtime that pods may ask for; ``binary`` is on the node already, or in its PATH."""

    type: str = "io.containerd.runc.v2"
    binary: str | None = None
    systemd_cgroup: bool = False


@dataclass(frozen=True)
class Containerd:
    """``config`` is TOML of containerd's own, laid over what K3s writes."""

    snapshotter: str | None = None
    runtimes: Mapping[str, Runtime] = field(default_factory=dict)
    default_runtime: str | None = None
    config: str = ""


def _name(text: str) -> str:
    if _NAME.fullmatch(text):
        return text
    raise ValueError("use lower-case letters, digits and dashes: it names a RuntimeClass")


def _type(text: str) -> str:
    if _TYPE.fullmatch(text):
        return text
    raise ValueError("write for example io.containerd.runc.v2 or io.containerd.kata.v2")


def _path(text: str) -> str:
    if _PATH.fullmatch(text):
        return text
    raise ValueError("write the full path of the program on the nodes")


def _new_name(text: str) -> str:
    if text in FOUND or text == "runc":
        raise ValueError("remove it: K3s sets it up where its program is on a node")
    return _name(text)


def _toml(file: TextFile, at: At) -> str:
    try:
        document = tomllib.loads(file.text)
    except tomllib.TOMLDecodeError as error:
        raise at.error(f"invalid TOML in {quoted(str(file.path))}: {error}", "fix it") from None
    for key in ("version", "imports", "root", "state"):
        if key in document:
            what = f"'{key}' of containerd's configuration belongs to K3s"
            raise at.error(what, "remove it from the file")
    return file.text


TYPE = optional(
    "type",
    Text(_type, "runtime type", f"^{_TYPE.pattern}$"),
    "containerd's runtime type; io.containerd.runc.v2 by default.",
    default=Runtime.type,
)
BINARY = optional("binary", Text(_path, "path"), "Path of the runtime's program on the nodes.")
SYSTEMD_CGROUP = optional(
    "systemd-cgroup", Boolean(), "Let systemd create its control groups.", default=False
)
_RUNTIME = Section(
    (TYPE, BINARY, SYSTEMD_CGROUP),
    lambda v: Runtime(v[TYPE], v[BINARY], v[SYSTEMD_CGROUP]),
    title="runtime {key}",
)

SNAPSHOTTER = optional(
    "snapshotter", Choice(SNAPSHOTTERS), "How image layers are stacked; overlayfs by default."
)
RUNTIMES = optional(
    "runtimes",
    MapOf(_RUNTIME, _new_name, "runtime"),
    "Runtimes besides runc, by the name that a pod's runtimeClassName gives.",
    default={},
)
DEFAULT_RUNTIME = optional("default-runtime", TEXT, "The runtime of pods that ask for none.")
CONFIG = optional(
    "config",
    Made(TEXT_FILE, _toml),
    "A TOML file for containerd, laid over what K3s writes.",
    default="",
)


def _known_default(values: Values) -> Iterator[BadInput]:
    name, known = values[DEFAULT_RUNTIME], sorted({*values[RUNTIMES], *FOUND, "runc"})
    if name is not None and name not in known:
        what = f"unknown runtime {quoted(name)}"
        yield values.error(DEFAULT_RUNTIME, what, suggestion(name, known))


SECTION = Section(
    (SNAPSHOTTER, RUNTIMES, DEFAULT_RUNTIME, CONFIG),
    lambda v: Containerd(v[SNAPSHOTTER], v[RUNTIMES], v[DEFAULT_RUNTIME], v[CONFIG]),
    title="{key}",
    rules=(_known_default,),
)
