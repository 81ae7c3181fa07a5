"""K3s's own kubeconfig, and a user's."""

from __future__ import annotations

import base64
from typing import Any

from edgeboot.inventory.model import Cluster, Node, Role
from edgeboot.lifecycle.kubeconfig.fetch import rewritten
from edgeboot.secret import Secret


def pem(kind: str, content: str) -> str:
    """A value of a kubeconfig: a block of PEM in base64."""
    block = f"-----BEGIN {kind}-----\n{content}\n-----END {kind}-----\n"
    return base64.b64encode(block.encode()).decode()


CA, CERTIFICATE, KEY = pem("CERTIFICATE", "Q0E="), pem("CERTIFICATE", "Q0VS"), pem("KEY", "S0VZ")
K3S = Secret(
    f"""\
apiVersion: v1
clusters:
- cluster:
    certificate-authority-data: {CA}
    server: https://127.0.0.1:6443
  name: default
contexts:
- context:
    cluster: default
    user: default
  name: default
current-context: default
kind: Config
users:
- name: default
  user:
    client-certificate-data: {CERTIFICATE}
    client-key-data: {KEY}
""".encode()
)
CLUSTER = Cluster("edge", (Node("server-1", "192.0.2.11", Role.SERVER),))
OURS = rewritten(K3S, CLUSTER)
OTHERS = b"""\
apiVersion: v1
kind: Config
preferences: {colors: true}
clusters:
- name: work
  cluster: {server: "https://work.example:443", proxy-url: http://proxy.example:3128}
  extensions:
  - name: x
    extension: {on: y, since: 2024-01-01}
users:
- {name: me, user: {token: 1e3, password: "0123"}}
contexts:
- {name: work, context: {cluster: work, user: me, namespace: on}}
current-context: work
"""


def without_ours(document: dict[str, Any]) -> dict[str, Any]:
    """Everything in a kubeconfig that is not called edge."""
    return {
        key: [e for e in value if e["name"] != "edge"]
        if key in {"clusters", "users", "contexts"}
        else value
        for key, value in document.items()
    }
