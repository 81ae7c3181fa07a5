"""What the cluster's components need from the bundle, the network, and an existing cluster."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator

from edgeboot.bundle.format.contents import Role as ItemRole
from edgeboot.checks.base import Complaint, Subject, refuse, unknown, warn
from edgeboot.components.cluster import charts
from edgeboot.components.k3s import config_file
from edgeboot.components.k3s.backend_change import change as changed_backend
from edgeboot.components.k3s.flannel import backend_of
from edgeboot.inventory.model import Node, Role
from edgeboot.yaml.wording import nearest

# Addons that K3s rewrites at every start (K3s manifests/), and what disables each.
_PACKAGED = {
    **{
        name: name for name in ("coredns", "traefik", "local-storage", "metrics-server", "runtimes")
    },
    **dict.fromkeys(("ccm", "rolebindings"), ""),
}
_EMBEDDED_PORT = 5001


def bundle(subject: Subject) -> Iterator[Complaint]:
    """The bundle has what the inventory names and nothing that K3s would overwrite."""
    if subject.contents is None or not _is_first(subject):
        return
    cluster, contents = subject.cluster, subject.contents
    known = tuple(item.name for item in contents.of(ItemRole.CHART))
    for name in charts.unknown(cluster, contents):
        near = nearest(name, known)
        suggestion = f"did you mean '{near}'? " if near else ""
        yield refuse(
            f"the inventory's `charts` lists '{name}', which is not in the bundle",
            f"{suggestion}charts in the bundle: {', '.join(known) or 'none'}",
        )
    wanted = charts.chosen(cluster, contents)
    for chart in wanted:
        if chart.item.name in {"traefik", "traefik-crd"} and _has(subject, "traefik"):
            yield refuse(
                f"the bundle's chart '{chart.item.name}' conflicts with the one K3s installs",
                "set `traefik: false` in the inventory, or rename the chart in the bundle",
            )
    for item in contents.of(ItemRole.MANIFEST):
        addon = item.name.partition(".")[0]
        switch = _PACKAGED.get(addon)
        if addon.startswith("edgeboot-") or (switch is not None and _has(subject, switch)):
            yield refuse(
                f"the bundle's manifest {item.name} has the name of one that "
                f"{'edgeboot' if switch is None else 'K3s'} writes itself",
                "rename it in the bundle",
            )
    if backend_of(cluster) == "none":
        yield from _other_network(subject, brought=bool(wanted or contents.of(ItemRole.MANIFEST)))


def _other_network(subject: Subject, *, brought: bool) -> Iterator[Complaint]:
    if not brought:
        yield refuse(
            "the flannel backend is `none`, and the bundle has no other network plugin",
            "add its manifests or chart to the bundle; a chart needs `bootstrap: true`",
        )
    elif subject.config.get("disable-network-policy") is not True:
        yield warn(
            "the flannel backend is `none`, but K3s's network policy controller stays enabled",
            "set `disable-network-policy: true` under `config` if the network plugin has its own, "
            "as most do",
        )


def _is_first(subject: Subject) -> bool:
    return subject.node == subject.cluster.servers[0]


def _has(subject: Subject, addon: str) -> bool:
    disabled = subject.config.get("disable", ())
    return not (isinstance(disabled, tuple) and addon in disabled)


def same_network(subject: Subject) -> Iterator[Complaint]:
    """With host-gw every other node is in the same network: no router between them."""
    if backend_of(subject.cluster) != "host-gw":
        return
    nets = subject.facts.condition.networks
    others = [node for node in subject.cluster.every_node if node != subject.node]
    if not nets:
        if others:
            yield unknown(
                "cannot tell whether the other nodes are in its network, as host-gw needs",
                "run `ip route get ADDRESS` on it: there must be no `via`",
            )
        return
    far = [n.name for n in others if (a := _address(n)) and not any(a in net for net in nets)]
    if far:
        have = ", ".join(str(net) for net in nets)
        yield refuse(
            f"{', '.join(far)} {'is' if len(far) == 1 else 'are'} outside its networks ({have}), "
            "and host-gw does not cross routers",
            "set `node-ip` to addresses in a shared network, or use the vxlan backend",
        )


def _address(node: Node) -> ipaddress.IPv4Address | None:
    try:
        found = ipaddress.ip_address((node.node_ip or node.address).strip("[]"))
    except ValueError:
        return None
    return found if isinstance(found, ipaddress.IPv4Address) else None


def backend_change(subject: Subject) -> Iterator[Complaint]:
    """A running cluster's flannel backend changes only on request."""
    first = subject.cluster.servers[0].name
    if first not in subject.fleet:
        return
    changed = changed_backend(subject.cluster, subject.facts, subject.fleet[first])
    if changed:
        yield refuse(
            f"its flannel backend would change from {changed[0]} to {changed[1]}: all servers "
            "restart, then every host reboots, servers first; until then pods on different nodes "
            "cannot reach each other",
            "review `edgeboot plan`, then pass --allow preflight.flannel-change",
        )


def encryption(subject: Subject) -> Iterator[Complaint]:
    """Encryption of Secrets is fixed when a cluster is created (K3s docs/cli/secrets-encrypt)."""
    before = config_file.read(subject.facts)
    if subject.node.role is not Role.SERVER or before is None or subject.facts.node_token is None:
        return
    keys = ("secrets-encryption", "secrets-encryption-provider")
    had, has = ([source.get(key) for key in keys] for source in (before, subject.config))
    if bool(had[0]) != bool(has[0]) or (had[0] and had[1] != has[1]):
        yield refuse(
            "`secrets-encryption` cannot change on an existing cluster",
            "restore the setting; to rotate keys use `k3s secrets-encrypt`; changing the setting "
            "takes a new cluster",
        )


def embedded_registry(subject: Subject) -> Iterator[Complaint]:
    """Nodes can share images: there are other nodes, and the port is free."""
    if not subject.cluster.components.embedded_registry:
        return
    if len(subject.cluster.every_node) == 1 and _is_first(subject):
        yield warn(
            "it is the only node: images are shared with other nodes only",
            "remove `embedded-registry`; it uses memory",
        )
    taken = {one.port: one.program for one in subject.facts.listeners}
    if _EMBEDDED_PORT in taken and not subject.running:
        yield refuse(
            f"port {_EMBEDDED_PORT}, used to share images between nodes, is in use by "
            f"{taken[_EMBEDDED_PORT]}",
            f"stop {taken[_EMBEDDED_PORT]}, or move it to another port",
        )
