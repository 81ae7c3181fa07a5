"""``registries.yaml``, and the files it refers to. Source: K3s docs/installation/private-registry.

With a password in it the file is secret: the plan shows none of it. K3s reads it at its start.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

from edgeboot.components.context import Context
from edgeboot.components.heading import HEAD
from edgeboot.inventory.cluster.registries import Access, Tls
from edgeboot.plan import paths
from edgeboot.plan.resources import Directory, File, Resource, text
from edgeboot.secret import Secret


def registries(context: Context) -> Iterator[Resource]:
    """The file with its certificates and keys, on every node: each one pulls images itself."""
    wanted = context.cluster.components.registries
    if wanted.empty:
        return
    files = [file for host, how in wanted.configs.items() for file in _files(context, host, how)]
    if files:
        yield Directory(paths.COMPONENTS, 0o700)
    yield from files
    document: dict[str, object] = {}
    if wanted.mirrors:
        document["mirrors"] = {
            name: {
                **({"endpoint": list(mirror.endpoint)} if mirror.endpoint else {}),
                **({"rewrite": dict(mirror.rewrite)} if mirror.rewrite else {}),
            }
            for name, mirror in wanted.mirrors.items()
        }
    configs = {host: _access(context, host, how) for host, how in wanted.configs.items()}
    if configs:
        document["configs"] = configs
    said = HEAD + json.dumps(document, indent=2) + "\n"  # JSON is YAML
    secret = any(how.password for how in wanted.configs.values())
    content = Secret(said.encode()) if secret else text(said)
    yield File(paths.REGISTRIES, content, 0o600, restarts=context.service)


def _access(context: Context, host: str, how: Access) -> dict[str, object]:
    found: dict[str, object] = {}
    if how.username is not None and how.password is not None:
        password = context.secret(how.password).value.decode()
        found["auth"] = {"username": how.username, "password": password}
    tls: dict[str, object] = {
        f"{kind}_file": _path(host, kind) for kind in ("ca", "cert", "key") if _has(how.tls, kind)
    }
    if how.tls.insecure:
        tls["insecure_skip_verify"] = True
    if tls:
        found["tls"] = tls
    return found


def _files(context: Context, host: str, how: Access) -> Iterator[File]:
    for kind, content in (("ca", how.tls.ca), ("cert", how.tls.cert)):
        if content is not None:
            yield File(_path(host, kind), text(content), 0o600, restarts=context.service)
    if how.tls.key_file is not None:
        key = Secret(context.secret(how.tls.key_file).value + b"\n")
        yield File(_path(host, "key"), key, 0o600, restarts=context.service)


def _has(tls: Tls, kind: str) -> bool:
    return {"ca": tls.ca, "cert": tls.cert, "key": tls.key_file}[kind] is not None


def _path(host: str, kind: str) -> str:
    return f"{paths.COMPONENTS}/registry-{re.sub('[^A-Za-z0-9.-]', '_', host)}-{kind}.pem"
