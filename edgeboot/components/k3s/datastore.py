"""An external datastore: its endpoint contains a password, so it is passed in the environment."""

from __future__ import annotations

from collections.abc import Mapping

from edgeboot.components.context import Context
from edgeboot.inventory.model import Role
from edgeboot.secret import Secret


def variables(context: Context) -> Mapping[str, str | Secret]:
    """``K3S_DATASTORE_ENDPOINT`` of servers (K3s, pkg/cli/cmds/server.go)."""
    endpoint = context.cluster.datastore.endpoint
    if endpoint is None or context.node.role is not Role.SERVER:
        return {}
    return {"K3S_DATASTORE_ENDPOINT": endpoint}
