"""Helm charts and manifests that K3s on a server installs into the cluster.

K3s applies ``server/manifests`` and serves ``server/static`` without authentication on 6443, so a
chart needs no repository: a HelmChart can refer to it there (K3s documentation, "Helm").
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass

from edgeboot.bundle.format.contents import Contents, Item, Role
from edgeboot.components.cluster.manifests import path_of
from edgeboot.components.cluster.traefik import merged
from edgeboot.components.context import Context
from edgeboot.inventory.cluster.charts import ChartSetting
from edgeboot.inventory.model import Cluster
from edgeboot.plan import paths
from edgeboot.plan.resources import File, Resource, text
from edgeboot.yaml import foreign

TIMEOUT = 600  # seconds for the installation of a chart, by default
_CHART = "chart-"


@dataclass(frozen=True)
class Chosen:
    """A chart of the bundle that this cluster installs, and how."""

    item: Item
    setting: ChartSetting

    @property
    def manifest(self) -> str:
        """The path of its HelmChart object."""
        return path_of(f"{_CHART}{self.item.name}")

    @property
    def archive(self) -> str:
        """The chart's name below ``static/charts``.

        It contains the hash: the helm controller reacts to a changed object, so a chart that was
        edited without a new version would otherwise never be upgraded.
        """
        return f"{self.item.name}-{self.item.version}-{self.item.blob.sha256[:12]}.tgz"

    @property
    def timeout(self) -> int:
        """Seconds that its installation may take."""
        return self.setting.timeout or TIMEOUT


def is_chart(path: str) -> bool:
    """Whether a file is the HelmChart object of a chart in a bundle."""
    return path.startswith(path_of(_CHART).removesuffix(".json"))


def chosen(cluster: Cluster, contents: Contents) -> tuple[Chosen, ...]:
    """The charts to install, in order: those that the inventory lists, then the bundle's others."""
    items = {item.name: item for item in contents.of(Role.CHART)}
    listed = {setting.name: setting for setting in cluster.components.charts}
    settings = [*listed.values(), *(ChartSetting(name) for name in items if name not in listed)]
    return tuple(Chosen(items[s.name], s) for s in settings if s.name in items and s.install)


def unknown(cluster: Cluster, contents: Contents) -> tuple[str, ...]:
    """Charts that the inventory lists but the bundle lacks."""
    known = {item.name for item in contents.of(Role.CHART)}
    return tuple(s.name for s in cluster.components.charts if s.name not in known)


def charts(context: Context) -> Iterator[Resource]:
    """The charts and the HelmChart objects that install them."""
    for chart in chosen(context.cluster, context.contents):
        source = context.blob_source(chart.item.blob)
        yield File(f"{paths.CHARTS}/{chart.archive}", source, bulky=True)
        manifest = json.dumps(helm_chart(chart), indent=2) + "\n"
        yield File(chart.manifest, text(manifest), 0o600)


def manifests(context: Context) -> Iterator[Resource]:
    """The bundle's plain manifests."""
    for item in context.contents.of(Role.MANIFEST):
        yield File(f"{paths.MANIFESTS}/{item.name}", context.blob_source(item.blob), 0o600)


def helm_chart(chart: Chosen) -> dict[str, object]:
    """The HelmChart object of a chart below ``static/charts``."""
    item, setting = chart.item, chart.setting
    spec: dict[str, object] = {
        "chart": f"https://%{{KUBERNETES_API}}%/static/charts/{chart.archive}",
        "targetNamespace": setting.namespace or item.namespace or item.name,
        "createNamespace": True,
    }
    if setting.bootstrap:
        spec["bootstrap"] = True
    values = _values(item, setting)
    if values is not None:
        spec["valuesContent"] = values
    return {
        "apiVersion": "helm.cattle.io/v1",
        "kind": "HelmChart",
        "metadata": {"name": item.name, "namespace": "kube-system"},
        "spec": spec,
    }


def _values(item: Item, setting: ChartSetting) -> str | None:
    """The bundle's values, with the inventory's merged over them."""
    if not setting.values:
        return item.values
    below = foreign.parse((item.values or "{}").encode())
    return foreign.dump(merged(below if isinstance(below, dict) else {}, setting.values))
