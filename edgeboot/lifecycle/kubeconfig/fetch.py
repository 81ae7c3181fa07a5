"""The administrator's kubeconfig, made to work from the operator's machine."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from pathlib import Path

from edgeboot.components.context import service_of
from edgeboot.components.k3s.base import url_at
from edgeboot.engine.observe import status
from edgeboot.errors import StepFailed
from edgeboot.inventory.model import Cluster
from edgeboot.kube.credentials import parse_credentials
from edgeboot.localio import atomic, directories, disk_space
from edgeboot.plan.health import why_no_api
from edgeboot.secret import Secret
from edgeboot.transport.base import Transport
from edgeboot.yaml import verbatim


def fetch(cluster: Cluster, transports: Mapping[str, Transport]) -> Secret:
    """The kubeconfig that K3s wrote, from the first connected server that has one.

    ``StepFailed`` if none has.
    """
    why = ""
    connected = [server for server in cluster.servers if server.name in transports]
    for server in connected:
        seen = status(transports[server.name], server.role.value, service_of(server.role))
        if seen.kubeconfig is not None:
            return seen.kubeconfig
        why = why or why_no_api(seen) or "K3s has not written it"
    raise StepFailed(
        f"no kubeconfig yet: {why}",
        error_id="no-kubeconfig",
        where=connected[0].name,
        hint="see what is wrong with `edgeboot status`; `edgeboot install` sets K3s up",
    )


def url_from_outside(cluster: Cluster) -> str:
    """Where the operator reaches the API: the servers' shared address, else the first server's."""
    return url_at(cluster.vip or cluster.servers[0].address)


def rewritten(
    kubeconfig: Secret, cluster: Cluster, *, context: str | None = None, server: str | None = None
) -> bytes:
    """A kubeconfig with the server's address and the cluster's name, or those given.

    It is written anew around the CA, the certificate and the key of K3s's own. Nothing else in that
    file is copied: a server that was taken over must not run a program (``exec``), read a file or
    switch TLS off on the operator's machine. ``ApiError`` if K3s did not write the file.
    """
    found = parse_credentials(kubeconfig, cluster.servers[0].name)
    name = context or cluster.name
    authority = {
        "certificate-authority-data": _encoded(found.ca.encode()),
        "server": server or url_from_outside(cluster),
    }
    client = {
        "client-certificate-data": _encoded(found.certificate.encode()),
        "client-key-data": _encoded(found.key.value),
    }
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": name, "cluster": authority}],
        "users": [{"name": name, "user": client}],
        "contexts": [{"name": name, "context": {"cluster": name, "user": name}}],
        "current-context": name,
    }
    return verbatim.dump(document)


def _encoded(pem: bytes) -> str:
    return base64.b64encode(pem).decode()


def check_target(path: Path) -> None:
    """``BadInput`` or ``StepFailed`` if ``save`` would fail; called before connecting."""
    directories.made(path.absolute().parent)
    disk_space.check_target(path.absolute())


def save(content: bytes, path: Path) -> None:
    """Writes a kubeconfig that only its owner can read; ``StepFailed`` if the disk fails."""
    directories.made(path.parent)
    atomic.write(path, content, mode=0o600)


def default_path(cluster: Cluster) -> Path:
    """``CLUSTER/kubeconfig`` in edgeboot's state directory."""
    return directories.state() / cluster.name / "kubeconfig"
