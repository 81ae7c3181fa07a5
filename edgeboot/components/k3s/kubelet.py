"""The kubelet settings of profiles: a drop-in beside K3s's own.

K3s writes ``00-k3s-defaults.conf`` and reads further files in that directory in the order of their
names (K3s pkg/daemons/agent/agent.go, since v1.32; before, kubelets were configured by arguments).
Objects are merged key by key, so K3s's other settings stay.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

from edgeboot.components.context import Context
from edgeboot.components.heading import head
from edgeboot.components.k3s import lean
from edgeboot.plan import paths
from edgeboot.plan.resources import Directory, File, Resource, text

_SINCE = (1, 32)


def kubelet(context: Context) -> Iterator[Resource]:
    """The drop-in, if a profile of the node has settings and the kubelet reads drop-ins."""
    settings: dict[str, object] = {}
    profiles = [name for name in ("lean", "sd-card") if name in context.node.profiles]
    if "sd-card" in profiles:
        # The kubelet's own: 10Mi and 5 for each container.
        settings |= {"containerLogMaxSize": "1Mi", "containerLogMaxFiles": 2}
    if "lean" in profiles:
        settings |= lean.kubelet_settings(context)
    if not settings or context.contents.k3s.minor < _SINCE:
        return
    settings = {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        **settings,
    }
    yield Directory(paths.KUBELET_DIR, 0o700, kept=True)
    content = head(f"profiles: [{', '.join(profiles)}]") + json.dumps(settings, indent=2) + "\n"
    yield File(paths.KUBELET_PROFILES, text(content), 0o600, restarts=context.service)
