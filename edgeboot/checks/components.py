"""What the cluster's components need: of the bundle, of the network, of what is there already."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator

from edgeboot.bundle.format.contents import Role as ItemRole
from edgeboot.checks.base import Complaint, Subject, refuse, unknown, warn
from edgeboot.components.cluster import charts
from edgeboot.components.k3s.backend_change import change as changed_backend
from edgeboot.components.k3s.flannel import backend_of
from edgeboot.inventory.model import Node, Role
from edgeboot.plan import paths
from edgeboot.yaml import foreign
from edgeboot.yaml.wording import nearest

# Addons that K3s writes anew at every start (K3s manifests/), and what switches each off.
_PACKAGED = {
    **{
        name: name for name in ("coredns", "traefik", "local-storage", "metrics-server", "runtimes")
    },
    **dict.fromkeys(("ccm", "rolebindings"), ""),
}
_EMBEDDED_PORT = 5001


def bundle(subject: Subject) -> Iterator[Complaint]:
    """The bundle has what the inventory names, and nothing that K3s would overwrite."""
    if subject.contents is None or not _is_first(subject):
        return
    cluster, contents = subject.cluster, subject.contents
    known = tuple(item.name for item in contents.of(ItemRole.CHART))
    for name in charts.unknown(cluster, contents):
        near = nearest(name, known)
        have = f"did you mean '{near}'? " if near else ""
        yield refuse(
            f"the bundle has no chart '{name}', which `charts` of the inventory names",
            f"{have}it has {', '.join(known) or 'none'}",
        )
    wanted = charts.chosen(cluster, contents)
    for chart in wanted:
        if chart.item.name in {"traefik", "traefik-crd"} and _has(subject, "traefik"):
            yield refuse(
                f"the chart '{chart.item.name}' of the bundle would fight with K3s's own",
                "set `traefik: false` in the inventory, or rename the chart in the bundle",
            )
    for item in contents.of(ItemRole.MANIFEST):
        addon = item.name.partition(".")[0]
        switch = _PACKAGED.get(addon)
        if addon.startswith("edgeboot-") or (switch is not None and _has(subject, switch)):
            yield refuse(
                f"the manifest {item.name} of the bundle has the name of one that "
                f"{'edgeboot' if switch is None else 'K3s'} writes itself",
                "rename it in the bundle",
            )
    if backend_of(cluster) == "none":
        yield from _other_network(subject, brought=bool(wanted or contents.of(ItemRole.MANIFEST)))


def _other_network(subject: Subject, *, brought: bool) -> Iterator[Complaint]:
    if not brought:
        yield refuse(
            "flannel's backend is none, and the bundle brings no other network",
            "put its manifests or its chart into the bundle; a chart needs `bootstrap: true`",
        )
    elif subject.config.get("disable-network-policy") is not True:
        yield warn(
            "flannel's backend is none, and K3s's own controller of network policies stays on",
            "set `disable-network-policy: true` under `config` if that network brings one, as most "
            "do",
        )


def _is_first(subject: Subject) -> bool:
    return subject.node == subject.cluster.servers[0]


def _has(subject: Subject, addon: str) -> bool:
    disabled = subject.config.get("disable", ())
    return not (isinstance(disabled, tuple) and addon in disabled)


def same_network(subject: Subject) -> Iterator[Complaint]:
    """With host-gw every other node is a neighbour: no router between them."""
    if backend_of(subject.cluster) != "host-gw":
        return
    nets = subject.facts.condition.networks
    others = [node for node in subject.cluster.every_node if node != subject.node]
    if not nets:
        if others:
            yield unknown(
                "whether the other nodes are its neighbours, as host-gw needs, is not to be seen",
                "try `ip route get ADDRESS` on it: there must be no `via`",
            )
        return
    far = [n.name for n in others if (a := _address(n)) and not any(a in net for net in nets)]
    if far:
        have = ", ".join(str(net) for net in nets)
        yield refuse(
            f"{', '.join(far)} {'is' if len(far) == 1 else 'are'} not in a network of its own "
            f"({have}), and host-gw knows no router",
            "set `node-ip` of the network they share, or take the backend vxlan",
        )


def _address(node: Node) -> ipaddress.IPv4Address | None:
    try:
        found = ipaddress.ip_address((node.node_ip or node.address).strip("[]"))
    except ValueError:
        return None
    return found if isinstance(found, ipaddress.IPv4Address) else None


def backend_change(subject: Subject) -> Iterator[Complaint]:
    """A running cluster's flannel backend does not change by the way."""
    first = subject.cluster.servers[0].name
    if first not in subject.fleet:
        return
    changed = changed_backend(subject.cluster, subject.facts, subject.fleet[first])
    if changed:
        yield refuse(
            f"its flannel backend {changed[0]} would become {changed[1]}: all servers start anew, "
            "then every host is booted, servers first; until then pods do not reach each other",
            "see the plan, and allow it with --allow preflight.flannel-change when that suits",
        )


def encryption(subject: Subject) -> Iterator[Complaint]:
    """Encryption of Secrets is decided when a cluster is made (K3s docs/cli/secrets-encrypt)."""
    fact = subject.facts.files.get(paths.CONFIG)
    if subject.node.role is not Role.SERVER or fact is None or subject.facts.node_token is None:
        return
    try:
        before = foreign.parse(fact.content or b"")
    except ValueError:
        return
    keys = ("secrets-encryption", "secrets-encryption-provider")
    had, has = ([src.get(k) for k in keys] for src in (before or {}, subject.config))
    if bool(had[0]) != bool(has[0]) or (had[0] and had[1] != has[1]):
        yield refuse(
            "`secrets-encryption` cannot be changed on a cluster that has been started",
            "put it back; `k3s secrets-encrypt` changes keys, a new cluster changes this",
        )


def embedded_registry(subject: Subject) -> Iterator[Complaint]:
    """Nodes can give each other images: somebody is there to ask, at a port that is free."""
    if not subject.cluster.components.embedded_registry:
        return
    if len(subject.cluster.every_node) == 1 and _is_first(subject):
        yield warn(
            "it is the only node: nobody is there to give it images",
            "remove `embedded-registry`, which costs memory",
        )
    taken = {one.port: one.program for one in subject.facts.listeners}
    if _EMBEDDED_PORT in taken and not subject.running:
        yield refuse(
            f"port {_EMBEDDED_PORT}, on which nodes give each other images, is taken by "
            f"{taken[_EMBEDDED_PORT]}",
            f"stop {taken[_EMBEDDED_PORT]}, or move it",
        )
