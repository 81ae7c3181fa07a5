"""CoreDNS: the ConfigMap ``coredns-custom``, which K3s's own Corefile imports.

Names of the site get a server block of their own: the plugin ``hosts`` can stand only once in a
block, and K3s uses it in the default one for the nodes (K3s manifests/coredns.yaml).
"""

from __future__ import annotations

from collections.abc import Iterator

from edgeboot.components.cluster.manifests import manifest
from edgeboot.components.context import Context
from edgeboot.inventory.cluster.coredns import CoreDns
from edgeboot.plan.resources import Resource

_TTL = 60  # seconds a name of the site may be remembered


def coredns(context: Context) -> Iterator[Resource]:
    """The ConfigMap, where anything is wanted."""
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
    """The pieces of a Corefile, by the file name that says where K3s's imports them."""
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
    # What lies below a name (and what other types it has) is asked for elsewhere.
    lines += [f"        ttl {_TTL}", "        fallthrough", "    }"]
    lines += [f"    forward . {' '.join(wanted.forward) or '/etc/resolv.conf'}", "}"]
    return "\n".join(lines) + "\n"
