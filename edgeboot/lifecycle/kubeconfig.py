"""The administrator's kubeconfig, made to work from where the operator sits."""

from __future__ import annotations

import os
from pathlib import Path

from edgeboot.components.k3s import bracketed
from edgeboot.errors import StepFailed
from edgeboot.inventory.model import Cluster
from edgeboot.secret import Secret
from edgeboot.yamlfile import dump_foreign, parse_foreign


def rewritten(kubeconfig: Secret, cluster: Cluster) -> bytes:
    """K3s's kubeconfig with the server's address and the cluster's name.

    K3s writes ``https://127.0.0.1:6443`` and calls cluster, user and context ``default``.
    """
    document = parse_foreign(kubeconfig.value)
    name, address = cluster.name, bracketed(cluster.servers[0].address)
    try:
        (entry,), (user,), (context,) = (document[k] for k in ("clusters", "users", "contexts"))
        entry["cluster"]["server"] = f"https://{address}:6443"
        entry["name"] = user["name"] = context["name"] = name
        context["context"] |= {"cluster": name, "user": name}
        document["current-context"] = name
    except (KeyError, TypeError, ValueError) as error:
        raise StepFailed(
            "the kubeconfig that K3s wrote has a form edgeboot does not know",
            where=cluster.servers[0].name,
            hint="use /etc/rancher/k3s/k3s.yaml on that host",
        ) from error
    return dump_foreign(document).encode()


def save(content: bytes, path: Path) -> None:
    """Writes a kubeconfig that only its owner can read, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    stage = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(stage, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    stage.replace(path)


def default_path(cluster: Cluster) -> Path:
    """``edgeboot/CLUSTER/kubeconfig`` below the XDG state directory."""
    state = os.environ.get("XDG_STATE_HOME") or "~/.local/state"
    return Path(state).expanduser() / "edgeboot" / cluster.name / "kubeconfig"
