"""``containerd``: runtimes beside runc, and settings of its own.

Source: K3s docs/advanced ("Configuring containerd"), pkg/agent/templates.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from edgeboot.inventory.cluster.base import (
    BOOLEAN,
    TEXT,
    checked,
    closed,
    described,
    one_of,
    text_file,
)
from edgeboot.inventory.k3s_keys import KEYS as K3S_KEYS
from edgeboot.yaml.reader import Reader
from edgeboot.yaml.wording import quoted

_NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
_TYPE = re.compile(r"io\.containerd\.[A-Za-z0-9-]+\.v[0-9]+")
_PATH = re.compile(r"/[A-Za-z0-9._/+-]+")
SNAPSHOTTERS = K3S_KEYS["snapshotter"].choices
# K3s finds these itself, and has a RuntimeClass for each (manifests/runtimes.yaml)
FOUND = frozenset(
    {"nvidia", "nvidia-experimental", "nvidia-cdi", "crun", "lunatic", "slight", "spin", "wws"}
    | {"wasmedge", "wasmer", "wasmtime"}
)
KEYS = ("snapshotter", "runtimes", "default-runtime", "config")
RUNTIME_KEYS = ("type", "binary", "systemd-cgroup")


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


SCHEMA = closed(
    {
        "snapshotter": described(
            {"enum": list(SNAPSHOTTERS)}, "How image layers are stacked; overlayfs by default."
        ),
        "runtimes": {
            "description": "Runtimes beside runc, by the name a pod's runtimeClassName gives.",
            "type": "object",
            "additionalProperties": closed(
                {
                    "type": described(
                        {"type": "string", "pattern": f"^{_TYPE.pattern}$"},
                        "containerd's runtime type; io.containerd.runc.v2 by default.",
                    ),
                    "binary": described(TEXT, "Path of the runtime's program on the nodes."),
                    "systemd-cgroup": described(BOOLEAN, "Let systemd make its control groups."),
                }
            ),
        },
        "default-runtime": described(TEXT, "The runtime of pods that ask for none."),
        "config": described(TEXT, "A file of TOML for containerd, laid over what K3s writes."),
    }
)


def read(cluster: Reader, base: Path) -> Containerd:
    """The section; BadInput with file:line."""
    reader = cluster.mapping("containerd").reader(KEYS, "'containerd'")
    runtimes = _runtimes(reader)
    default = reader.text("default-runtime", None)
    known = {*runtimes, *FOUND, "runc"}
    if default is not None and default not in known:
        default = one_of(reader, "default-runtime", sorted(known), "runc")
    snapshotter = one_of(reader, "snapshotter", SNAPSHOTTERS, "overlayfs")
    return Containerd(
        snapshotter=snapshotter if reader.has("snapshotter") else None,
        runtimes=runtimes,
        default_runtime=default,
        config=_config(reader, base),
    )


def _runtimes(reader: Reader) -> dict[str, Runtime]:
    mapping = reader.mapping("runtimes").free_reader("'runtimes'")
    found = {}
    for name in mapping.top:
        if name in FOUND or name == "runc":
            what = f"K3s sets the runtime '{name}' up by itself"
            hint = "remove it: where its program is on a node, pods can ask for it"
            raise mapping.error(name, what, hint)
        checked(mapping, name, name, _name)
        inner = mapping.mapping(name).reader(RUNTIME_KEYS, f"runtime '{name}'")
        binary = inner.text("binary", None)
        if binary is not None:
            checked(inner, "binary", binary, _path)
        kind = checked(inner, "type", inner.text("type", Runtime.type), _type)
        found[name] = Runtime(kind, binary, inner.boolean("systemd-cgroup", False))
    return found


def _name(text: str) -> str:
    if _NAME.fullmatch(text):
        return text
    raise ValueError("lower-case letters, digits and dashes: a RuntimeClass gets this name")


def _type(text: str) -> str:
    if _TYPE.fullmatch(text):
        return text
    raise ValueError("write for instance io.containerd.runc.v2 or io.containerd.kata.v2")


def _path(text: str) -> str:
    if _PATH.fullmatch(text):
        return text
    raise ValueError("write the full path of the program on the nodes")


def _config(reader: Reader, base: Path) -> str:
    text = text_file(reader, "config", base) or ""
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise reader.error("config", f"{quoted(reader.text('config'))}: {error}") from None
    for key in ("version", "imports", "root", "state"):
        if key in document:
            what = f"'{key}' of containerd's configuration is K3s's own"
            raise reader.error("config", what, "remove it from the file")
    return text
