"""containerd: settings merged over the configuration that K3s writes, and RuntimeClasses.

K3s v1.36 and later imports and merges drop-ins. Before, a template must include K3s's own text by
``{{ template "base" . }}`` and can only add tables (K3s docs/advanced, pull 13680; config version 3
since v1.31.6 and v1.32.2).
"""

from __future__ import annotations

import json
from collections.abc import Iterator

from edgeboot.components.cluster.manifests import manifest
from edgeboot.components.context import Context
from edgeboot.components.heading import HEAD
from edgeboot.inventory.cluster.containerd import Containerd
from edgeboot.k3s_version import K3sVersion
from edgeboot.plan import paths
from edgeboot.plan.resources import Directory, File, Resource, text

_DROP_IN, _V3, _V2 = paths.CONTAINERD_FILES
_PLUGIN = {_DROP_IN: "io.containerd.cri.v1.runtime", _V3: "io.containerd.cri.v1.runtime"} | {
    _V2: "io.containerd.grpc.v1.cri"
}


def containerd(context: Context) -> Iterator[Resource]:
    """The file that containerd reads beside K3s's own, if there are settings."""
    wanted = context.cluster.components.containerd
    if not wanted.runtimes and not wanted.config:
        return
    name = file_of(context.contents.k3s)
    yield Directory(paths.CONTAINERD, 0o700)
    if name == _DROP_IN:
        yield Directory(f"{paths.CONTAINERD}/{name.partition('/')[0]}", 0o700)
    body = render(wanted, name)
    yield File(f"{paths.CONTAINERD}/{name}", text(body), 0o600, restarts=context.service)


def runtime_classes(context: Context) -> Iterator[Resource]:
    """A RuntimeClass for each runtime, so that pods can ask for it by name."""
    names = sorted(context.cluster.components.containerd.runtimes)
    objects: list[dict[str, object]] = [
        {
            "apiVersion": "node.k8s.io/v1",
            "kind": "RuntimeClass",
            "metadata": {"name": name},
            "handler": name,
        }
        for name in names
    ]
    yield from manifest("runtimes", objects)


def file_of(version: K3sVersion) -> str:
    """Which of ``paths.CONTAINERD_FILES`` a version of K3s reads."""
    if version.minor >= (1, 36):
        return _DROP_IN
    if version.minor == (1, 31):
        return _V3 if version.release >= (1, 31, 6) else _V2
    return _V3 if version.release >= (1, 32, 2) else _V2


def render(wanted: Containerd, name: str) -> str:
    """The file's text. JSON strings are valid TOML, so ``json`` does the quoting."""
    head = f"{HEAD}version = 3\n" if name == _DROP_IN else f'{{{{ template "base" . }}}}\n{HEAD}'
    lines = [head]
    for runtime, how in sorted(wanted.runtimes.items()):
        table = f'plugins."{_PLUGIN[name]}".containerd.runtimes.{json.dumps(runtime)}'
        lines.append(f"\n[{table}]\n  runtime_type = {json.dumps(how.type)}\n")
        if how.binary or how.systemd_cgroup:
            lines.append(f"[{table}.options]\n")
        if how.binary:
            lines.append(f"  BinaryName = {json.dumps(how.binary)}\n")
        if how.systemd_cgroup:
            lines.append("  SystemdCgroup = true\n")
    if wanted.config:
        lines.append(f"\n{wanted.config.rstrip()}\n")
    return "".join(lines)
