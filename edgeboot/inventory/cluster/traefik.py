"""``traefik``: K3s's own ingress from plain settings, or off.

Source: K3s docs/networking/networking-services, the values of Traefik's chart (v34 to v41).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from edgeboot.inventory.cluster.base import (
    BOOLEAN,
    PORT,
    TEXT,
    certificate,
    closed,
    described,
    in_range,
    is_flag,
    one_of,
)
from edgeboot.inventory.cluster.registries import key_for
from edgeboot.inventory.secrets import SecretRef
from edgeboot.yaml.reader import Reader, plain

EXPOSE = ("load-balancer", "host-network", "cluster-ip")
KEYS = (
    "http-port",
    "https-port",
    "expose",
    "redirect-to-https",
    "tls",
    "dashboard",
    "access-log",
    "replicas",
    "values",
)
TLS_KEYS = ("cert-file", "key-file")
_MOST_REPLICAS = 16


@dataclass(frozen=True)
class Traefik:
    """``given``: whether anything was said; else K3s's own defaults stand, with no dashboard."""

    enabled: bool = True
    given: bool = False
    http_port: int = 80
    https_port: int = 443
    expose: str = "load-balancer"
    redirect: bool = False
    cert: str | None = None
    key_file: SecretRef | None = None
    dashboard: bool = False
    access_log: bool = False
    replicas: int | None = None
    values: Mapping[str, object] = field(default_factory=dict)


SCHEMA = {
    "description": "K3s's ingress: false turns it off.",
    "oneOf": [
        BOOLEAN,
        closed(
            {
                "http-port": described(PORT, "80 by default."),
                "https-port": described(PORT, "443 by default."),
                "expose": described(
                    {"enum": list(EXPOSE)},
                    "load-balancer: K3s's ServiceLB binds the ports on every node; host-network: "
                    "Traefik itself does, on every node; cluster-ip: inside the cluster only.",
                ),
                "redirect-to-https": described(BOOLEAN, "Answer HTTP with a redirect."),
                "tls": described(
                    closed(
                        {
                            "cert-file": described(TEXT, "The certificate and its chain, PEM."),
                            "key-file": described(TEXT, "Its key: only its owner may read it."),
                        },
                        *TLS_KEYS,
                    ),
                    "The certificate of hosts that have none of their own.",
                ),
                "dashboard": described(BOOLEAN, "false by default."),
                "access-log": described(BOOLEAN, "A line for each request; false by default."),
                "replicas": described(
                    {"type": "integer", "minimum": 1, "maximum": _MOST_REPLICAS}, "1 by default."
                ),
                "values": described(
                    {"type": "object"}, "Values of Traefik's chart, laid over all of this."
                ),
            }
        ),
    ],
}


def read(cluster: Reader, base: Path) -> Traefik:
    """The section; BadInput with file:line."""
    if is_flag(cluster, "traefik"):
        return Traefik(enabled=cluster.boolean("traefik"))
    if not cluster.has("traefik"):
        return Traefik()
    reader = cluster.mapping("traefik").reader(KEYS, "'traefik'")
    tls = reader.mapping("tls").reader(TLS_KEYS, "'tls' of 'traefik'")
    http = in_range(reader, "http-port", 1, 65535) or Traefik.http_port
    https = in_range(reader, "https-port", 1, 65535) or Traefik.https_port
    if http == https:
        raise reader.error("https-port", f"both ports are {http}", "change one of them")
    expose = one_of(reader, "expose", EXPOSE, Traefik.expose)
    replicas = in_range(reader, "replicas", 1, _MOST_REPLICAS)
    if replicas is not None and expose == "host-network":
        what = "with host-network there is one Traefik on each node"
        raise reader.error("replicas", what, "remove it")
    values = plain(reader.mapping("values"))
    if not isinstance(values, dict):
        raise AssertionError("a mapping stays one")
    return Traefik(
        given=True,
        http_port=http,
        https_port=https,
        expose=expose,
        redirect=reader.boolean("redirect-to-https", False),
        cert=certificate(tls, "cert-file", base),
        key_file=key_for(tls, "cert-file", "key-file", base),
        dashboard=reader.boolean("dashboard", False),
        access_log=reader.boolean("access-log", False),
        replicas=replicas,
        values=values,
    )
