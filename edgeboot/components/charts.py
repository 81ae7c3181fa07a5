"""Helm charts and manifests that a server installs into the cluster by itself.

K3s applies ``server/manifests`` and serves ``server/static`` without authentication on 6443, so a
chart needs no repository: a HelmChart that points there is enough (K3s documentation, "Helm").
"""

from __future__ import annotations

import json
from collections.abc import Iterator

from edgeboot.bundle.contents import Item, Role
from edgeboot.components.context import Context
from edgeboot.plan import paths
from edgeboot.plan.resources import File, Resource, text


def charts(context: Context) -> Iterator[Resource]:
    """The bundle's charts and the HelmChart objects that install them."""
    for item in context.contents.of(Role.CHART):
        # The name carries the hash: the helm controller acts on a changed object, so a chart that
        # was edited without a new version would otherwise never be installed.
        archive = f"{item.name}-{item.version}-{item.blob.sha256[:12]}.tgz"
        yield File(f"{paths.CHARTS}/{archive}", context.blob_source(item.blob), bulky=True)
        manifest = json.dumps(helm_chart(item, archive), indent=2) + "\n"
        yield File(f"{paths.MANIFESTS}/edgeboot-chart-{item.name}.json", text(manifest), 0o600)


def manifests(context: Context) -> Iterator[Resource]:
    """The bundle's plain manifests."""
    for item in context.contents.of(Role.MANIFEST):
        yield File(f"{paths.MANIFESTS}/{item.name}", context.blob_source(item.blob), 0o600)


def helm_chart(item: Item, archive: str) -> dict[str, object]:
    """The HelmChart object of a chart that lies below ``static/charts``."""
    spec: dict[str, object] = {
        "chart": f"https://%{{KUBERNETES_API}}%/static/charts/{archive}",
        "targetNamespace": item.namespace or item.name,
        "createNamespace": True,
    }
    if item.values is not None:
        spec["valuesContent"] = item.values
    return {
        "apiVersion": "helm.cattle.io/v1",
        "kind": "HelmChart",
        "metadata": {"name": item.name, "namespace": "kube-system"},
        "spec": spec,
    }
