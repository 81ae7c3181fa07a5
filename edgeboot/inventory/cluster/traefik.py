"""``traefik``: K3s's own ingress from plain settings, or off.

Source: K3s docs/networking/networking-services, the values of Traefik's chart (v34 to v41).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from edgeboot.errors import BadInput
from edgeboot.inventory.cluster import key_pair
from edgeboot.inventory.files import CERTIFICATE, PRIVATE_FILE
from edgeboot.inventory.secrets import SecretRef
from edgeboot.yaml.compound import Either, Free, Made
from edgeboot.yaml.section import Section, Values, optional, required
from edgeboot.yaml.types import At, Boolean, Choice, Integer

EXPOSE = ("load-balancer", "host-network", "cluster-ip")
PORT = Integer(1, 65535, "port")


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


CERT = required("cert-file", CERTIFICATE, "The certificate and its chain, PEM.")
KEY_FILE = required("key-file", PRIVATE_FILE, "Its key; only its owner may read it.")
_TLS = Section(
    (CERT, KEY_FILE),
    lambda v: (v[CERT].text, key_pair.reference(v, KEY_FILE)),
    rules=(key_pair.fits(CERT, KEY_FILE),),
)

HTTP = optional("http-port", PORT, "80 by default.", default=Traefik.http_port)
HTTPS = optional("https-port", PORT, "443 by default.", default=Traefik.https_port)
EXPOSED = optional(
    "expose",
    Choice(EXPOSE),
    "load-balancer: K3s's ServiceLB binds the ports on every node; host-network: Traefik itself "
    "does, on every node; cluster-ip: inside the cluster only.",
    default=Traefik.expose,
)
REDIRECT = optional(
    "redirect-to-https", Boolean(), "Redirect HTTP to HTTPS; false by default.", default=False
)
TLS = optional("tls", _TLS, "The certificate of hosts without one of their own.")
DASHBOARD = optional("dashboard", Boolean(), "false by default.", default=False)
ACCESS_LOG = optional(
    "access-log", Boolean(), "A line for each request; false by default.", default=False
)
REPLICAS = optional("replicas", Integer(1, 16), "1 by default.")
VALUES = optional("values", Free(), "Values of Traefik's chart, laid over all of this.", default={})


def _two_ports(values: Values) -> Iterator[BadInput]:
    if values[HTTP] == values[HTTPS]:
        key = HTTPS if values.has(HTTPS) else HTTP
        what = f"'http-port' and 'https-port' are both {values[HTTP]}"
        yield values.error(key, what, "change one of them")


def _one_for_each_node(values: Values) -> Iterator[BadInput]:
    if values.has(REPLICAS) and values[EXPOSED] == "host-network":
        what = "'replicas' has no effect with host-network: each node runs one Traefik"
        yield values.error(REPLICAS, what, "remove it")


def _build(values: Values) -> Traefik:
    cert, key_file = values[TLS] or (None, None)
    return Traefik(
        given=True,
        http_port=values[HTTP],
        https_port=values[HTTPS],
        expose=values[EXPOSED],
        redirect=values[REDIRECT],
        cert=cert,
        key_file=key_file,
        dashboard=values[DASHBOARD],
        access_log=values[ACCESS_LOG],
        replicas=values[REPLICAS],
        values=values[VALUES],
    )


_SECTION = Section(
    (HTTP, HTTPS, EXPOSED, REDIRECT, TLS, DASHBOARD, ACCESS_LOG, REPLICAS, VALUES),
    _build,
    title="{key}",
    rules=(_two_ports, _one_for_each_node),
    refused={
        "values-file": "write the values under 'values'",
        "valuesContent": "write the values under 'values', as a mapping",
    },
)


def _traefik(value: bool | Traefik, _at: At) -> Traefik:
    return Traefik(enabled=value) if isinstance(value, bool) else value


SECTION = Made(Either(Boolean(), _SECTION), _traefik)
