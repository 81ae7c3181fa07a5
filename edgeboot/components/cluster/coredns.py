"""CoreDNS: the ConfigMap ``coredns-custom``, which K3s's own Corefile imports.

The site's names get a server block of their own: a block can have the plugin ``hosts`` only once,
and K3s uses it in the default block for the nodes (K3s manifests/coredns.yaml).
"""

from __future__ import annotations

from collections.abc import Iterator

from edgeboot.components.cluster.manifests import manifest
from edgeboot.components.context import Context
from edgeboot.inventory.cluster.coredns import CoreDns
from edgeboot.plan.resources import Resource

_TTL = 60  # seconds that the site's names may be cached


def coredns(context: Context) -> Iterator[Resource]:
    """The ConfigMap, if there are settings."""
    data = pieces(context.cluster.components.coredns)
    if data:
        configmap: dict[str, object] = {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": "coredns-custom", "namespace": "kube-system"},
            "data": data,
        }
        yield from manifest("coredns", [configmap])


def pieces(wanted: CoreDns) -> dict[str, str]:
    """The parts of a Corefile by file name, which decides where K3s's Corefile imports them."""
    found = {f"{name}.server": said for name, said in sorted(wanted.servers.items())}
    found |= {f"{name}.override": said for name, said in sorted(wanted.overrides.items())}
    if wanted.forward:
        # Before K3s's own `forward`, so it is asked first and for everything.
        found["edgeboot.override"] = f"forward . {' '.join(wanted.forward)}\n"
    if wanted.hosts:
        found["edgeboot-hosts.server"] = _hosts(wanted)
    return found


def _hosts(wanted: CoreDns) -> str:
    zones = " ".join(f"{name}:53" for name in sorted(wanted.hosts))
    lines = [f"{zones} {{", "    errors", "    cache 30", "    hosts {"]
    lines += [
        f"        {address} {name}"
        for name, addresses in sorted(wanted.hosts.items())
        for address in addresses
    ]
    # Subdomains and other record types of a name are looked up elsewhere.
    lines += [f"        ttl {_TTL}", "        fallthrough", "    }"]
    lines += [f"    forward . {' '.join(wanted.forward) or '/etc/resolv.conf'}", "}"]
    return "\n".join(lines) + "\n"
