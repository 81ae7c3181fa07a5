"""What K3s needs of the network: free ports, a default route, name servers, an open firewall."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator

from edgeboot.checks.base import Complaint, Subject, fixable, refuse, warn
from edgeboot.components.cluster.ingress import ingress_ports
from edgeboot.components.host import firewall as rules
from edgeboot.components.host.drop_in import inputs_of
from edgeboot.inventory.model import DatastoreKind, Role

# K3s, installation/requirements; the higher ones on loopback.
_BOTH = frozenset({6444, 10010, 10248, 10249, 10250, 10256})
_PORTS = {Role.SERVER: _BOTH | {6443, 10257, 10258, 10259}, Role.AGENT: _BOTH}
_ETCD = frozenset({2379, 2380})
_RESOLVERS = ("/etc/resolv.conf", "/run/systemd/resolve/resolv.conf")  # in the order K3s looks


def ports(subject: Subject) -> Iterator[Complaint]:
    """The ports that K3s listens on are free."""
    if subject.running:
        return
    listening = {one.port: one.program for one in subject.facts.listeners}
    wanted = _PORTS[subject.node.role] | (_ETCD if _has_etcd(subject) else frozenset())
    for port in sorted(wanted & listening.keys()):
        yield refuse(
            f"port {port} is in use by {listening[port]}",
            f"stop {listening[port]}, or move it to another port",
        )
    for port in sorted(ingress_ports(subject.cluster) & listening.keys()):
        if port not in _PORTS[subject.node.role]:
            yield warn(
                f"port {port}, which Traefik would listen on, is in use by {listening[port]}",
                f"stop {listening[port]}, or list traefik under `disable`",
            )


def _has_etcd(subject: Subject) -> bool:
    kind = subject.cluster.datastore.kind
    return subject.node.role is Role.SERVER and kind is DatastoreKind.ETCD


def default_route(subject: Subject) -> Iterator[Complaint]:
    """There is a default route, which K3s finds its own address by."""
    if subject.facts.traits.default_route:
        return
    fix = "add one: `ip route add default via ROUTER`; without a router, a dummy route works"
    if subject.node.node_ip:
        yield warn("it has no default route: pods may not reach service addresses", fix)
    else:
        what = "it has no default route, so K3s cannot find its address"
        yield refuse(what, f"{fix}, or set `node-ip`")


def dns(subject: Subject) -> Iterator[Complaint]:
    """The host has a file of name servers that pods can use."""
    if "resolv-conf" in subject.config or subject.cluster.components.coredns.forward:
        return
    found = subject.facts.condition.resolvers
    if any(_usable(found.get(path, ())) for path in _RESOLVERS):
        return
    some = [server for path in _RESOLVERS for server in found.get(path, ())]
    only = f" (only {', '.join(dict.fromkeys(some))})" if some else ""
    yield warn(
        f"it has no name server that pods can use{only}, so K3s makes them use public ones, which "
        "are out of reach without Internet access",
        "list the site's servers under `coredns: {forward: […]}`; for pods that use the host's "
        "DNS, list them in a file and set `resolv-conf: FILE` under `config`",
    )


def _usable(servers: tuple[str, ...]) -> bool:
    """K3s rejects a file with any loopback or link-local one (pkg/agent/config/config.go)."""
    try:
        addresses = [ipaddress.ip_address(server.partition("%")[0]) for server in servers]
    except ValueError:
        return False
    return bool(addresses) and not any(a.is_loopback or a.is_link_local for a in addresses)


def firewall(subject: Subject) -> Iterator[Complaint]:
    """No firewall blocks traffic between the nodes."""
    condition = subject.facts.condition
    found = set(condition.firewalls) | ({"firewalld"} & condition.programs)
    if not found or _opened(subject):
        return
    ports, networks = rules.named(subject.cluster, subject.node)
    name = next((one for one in ("firewalld", "ufw") if one in found), None)
    if name is None:
        which = ", ".join(sorted(found))
        fix = f"open {', '.join(ports)} to the nodes, and trust {', '.join(networks)}"
        yield warn(f"its firewall ({which}) drops traffic by default", fix)
    elif subject.node.host.firewall == "open":
        yield fixable(f"{name} is active", f"open {', '.join(ports)} to the nodes")
    else:
        commands = _firewalld(ports, networks) if name == "firewalld" else _ufw(ports, networks)
        yield warn(f"{name} is active", f"run `edgeboot install --open-firewall`, or `{commands}`")


def _opened(subject: Subject) -> bool:
    """Whether edgeboot has opened exactly what is needed."""
    wanted = inputs_of((rules.listed(subject.cluster, subject.node),))
    return subject.facts.done.get("firewall") == wanted


def _firewalld(ports: tuple[str, ...], networks: tuple[str, ...]) -> str:
    added = " ".join(f"--add-port={port}" for port in ports)
    trusted = " ".join(f"--add-source={network}" for network in networks)
    return (
        f"firewall-cmd --permanent {added}; firewall-cmd --permanent --zone=trusted {trusted}; "
        "firewall-cmd --reload"
    )


def _ufw(ports: tuple[str, ...], networks: tuple[str, ...]) -> str:
    allowed = (*ports, *(f"from {network}" for network in networks))
    return "; ".join(f"ufw allow {one}" for one in allowed)
