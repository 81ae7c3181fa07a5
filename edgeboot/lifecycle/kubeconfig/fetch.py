"""The administrator's kubeconfig, made to work from the operator's machine."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from edgeboot.components.context import service_of
from edgeboot.components.k3s.base import url_at
from edgeboot.engine.observe import status
from edgeboot.errors import StepFailed
from edgeboot.inventory.model import Cluster
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
    """K3s's kubeconfig with the server's address and the cluster's name, or those given.

    K3s writes ``https://127.0.0.1:6443`` and calls cluster, user and context ``default``.
    """
    name = context or cluster.name
    url = server or url_from_outside(cluster)
    try:
        document = verbatim.parse(kubeconfig.value)
        (entry,), (user,), (found,) = (document[k] for k in ("clusters", "users", "contexts"))
        entry["cluster"]["server"] = url
        entry["name"] = user["name"] = found["name"] = name
        found["context"] |= {"cluster": name, "user": name}
        document["current-context"] = name
    except (KeyError, TypeError, ValueError) as error:
        raise StepFailed(
            "cannot understand the kubeconfig that K3s wrote",
            where=cluster.servers[0].name,
            hint="use /etc/rancher/k3s/k3s.yaml on that host",
        ) from error
    return verbatim.dump(document)


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
