"""Traefik: a HelmChartConfig for K3s's own chart, from a few settings.

Values that were renamed between versions of the chart (access log, redirects) are set by Traefik's
arguments instead, which did not change; source: the chart's values, v34 to v41.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping

from edgeboot.components.cluster.manifests import manifest
from edgeboot.components.context import Context
from edgeboot.inventory.cluster.traefik import Traefik
from edgeboot.plan.resources import Resource
from edgeboot.yaml import foreign

CERTIFICATE = "edgeboot-default-certificate"


def traefik(context: Context) -> Iterator[Resource]:
    """The HelmChartConfig, and the Secret with the default certificate, if configured."""
    wanted = context.cluster.components.traefik
    if not wanted.enabled or not wanted.given:
        return
    if wanted.cert is not None and wanted.key_file is not None:
        key = context.secret(wanted.key_file).value + b"\n"
        certificate: dict[str, object] = {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": CERTIFICATE, "namespace": "kube-system"},
            "type": "kubernetes.io/tls",
            "data": {
                "tls.crt": base64.b64encode(wanted.cert.encode()).decode(),
                "tls.key": base64.b64encode(key).decode(),
            },
        }
        yield from manifest("traefik-certificate", [certificate], secret=True)
    config: dict[str, object] = {
        "apiVersion": "helm.cattle.io/v1",
        "kind": "HelmChartConfig",
        "metadata": {"name": "traefik", "namespace": "kube-system"},
        "spec": {"valuesContent": foreign.dump(values(wanted))},
    }
    yield from manifest("traefik", [config])


def values(wanted: Traefik) -> dict[str, object]:
    """Values of Traefik's chart."""
    found: dict[str, object] = {
        "ports": {
            "web": {"exposedPort": wanted.http_port},
            "websecure": {"exposedPort": wanted.https_port},
        },
        "ingressRoute": {"dashboard": {"enabled": wanted.dashboard}},
        "api": {"dashboard": wanted.dashboard},
    }
    arguments = []
    if wanted.access_log:
        arguments.append("--accesslog=true")
    if wanted.redirect:
        entry = "--entryPoints.web.http.redirections.entryPoint"
        arguments += [f"{entry}.to=:{wanted.https_port}", f"{entry}.scheme=https"]
    if arguments:
        found["additionalArguments"] = arguments
    if wanted.cert is not None:
        found["tlsStore"] = {"default": {"defaultCertificate": {"secretName": CERTIFICATE}}}
    if wanted.replicas is not None:
        found["deployment"] = {"replicas": wanted.replicas}
    if wanted.expose == "cluster-ip":
        found["service"] = {"spec": {"type": "ClusterIP"}}
    elif wanted.expose == "host-network":
        found = merged(found, _HOST_NETWORK)
        ports = {"web": {"port": wanted.http_port}, "websecure": {"port": wanted.https_port}}
        found = merged(found, {"ports": ports})
    return merged(found, wanted.values)


# One pod on each node binds the ports itself: ports below 1024 need the capability, and an update
# has to free a port before the new pod binds it.
_HOST_NETWORK: Mapping[str, object] = {
    "hostNetwork": True,
    "deployment": {"kind": "DaemonSet"},
    "updateStrategy": {
        "type": "RollingUpdate",
        "rollingUpdate": {"maxUnavailable": 1, "maxSurge": 0},
    },
    "service": {"spec": {"type": "ClusterIP"}},
    "securityContext": {
        "capabilities": {"drop": ["ALL"], "add": ["NET_BIND_SERVICE"]},
        "readOnlyRootFilesystem": True,
        "runAsGroup": 0,
        "runAsNonRoot": False,
        "runAsUser": 0,
    },
}


def merged(below: Mapping[str, object], above: Mapping[str, object]) -> dict[str, object]:
    """Merges values as Helm does: mappings are merged, everything else is replaced."""
    found = dict(below)
    for key, value in above.items():
        old = found.get(key)
        both = isinstance(value, Mapping) and isinstance(old, Mapping)
        found[key] = merged(old, value) if both else value  # type: ignore[arg-type]
    return found
