"""What K3s needs of the network: ports, a default route, name servers, no firewall in the way."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator

from edgeboot.inventory.model import DatastoreKind, Role
from edgeboot.lifecycle.checks.base import Complaint, Subject, refuse, warn

# K3s, installation/requirements; the higher ones on loopback.
_BOTH = frozenset({6444, 10010, 10248, 10249, 10250, 10256})
_PORTS = {Role.SERVER: _BOTH | {6443, 10257, 10258, 10259}, Role.AGENT: _BOTH}
_ETCD = frozenset({2379, 2380})
_RESOLVERS = ("/etc/resolv.conf", "/run/systemd/resolve/resolv.conf")  # in the order K3s looks
_OPENED = "open 6443/tcp, 10250/tcp and 8472/udp to the nodes, and trust 10.42.0.0/16, 10.43.0.0/16"


def ports(subject: Subject) -> Iterator[Complaint]:
    """Nobody else listens where K3s will."""
    if subject.running:
        return
    listening = {one.port: one.program for one in subject.facts.listeners}
    wanted = _PORTS[subject.node.role] | (_ETCD if _has_etcd(subject) else frozenset())
    for port in sorted(wanted & listening.keys()):
        yield refuse(
            f"port {port} is taken by {listening[port]}", f"stop {listening[port]}, or move it"
        )
    for port in sorted(_ingress(subject) & listening.keys()):
        if port not in _PORTS[subject.node.role]:
            yield warn(
                f"port {port}, on which Traefik would answer, is taken by {listening[port]}",
                f"stop {listening[port]}, or list traefik under `disable`",
            )


def _has_etcd(subject: Subject) -> bool:
    kind = subject.cluster.datastore.kind
    return subject.node.role is Role.SERVER and kind is DatastoreKind.ETCD


def _ingress(subject: Subject) -> frozenset[int]:
    """The ports that Traefik binds on every node, by ServiceLB or by itself."""
    wanted, disabled = subject.cluster.components.traefik, subject.cluster.config.get("disable", ())
    off = set(disabled) if isinstance(disabled, tuple) else set()
    if "traefik" in off or wanted.expose == "cluster-ip":
        return frozenset()
    if "servicelb" in off and wanted.expose == "load-balancer":
        return frozenset()
    return frozenset({wanted.http_port, wanted.https_port})


def default_route(subject: Subject) -> Iterator[Complaint]:
    """There is a default route, by which K3s finds its own address."""
    if subject.facts.traits.default_route:
        return
    mend = "add one: `ip route add default via ROUTER`; without a router a dummy one will do"
    if subject.node.node_ip:
        yield warn("it has no default route: pods may not reach service addresses", mend)
    else:
        what = "it has no default route, so K3s cannot find its address"
        yield refuse(what, f"{mend}, or set `node-ip`")


def dns(subject: Subject) -> Iterator[Complaint]:
    """A file of name servers is there that pods can use."""
    if "resolv-conf" in subject.config or subject.cluster.components.coredns.forward:
        return
    found = subject.facts.condition.resolvers
    if any(_usable(found.get(path, ())) for path in _RESOLVERS):
        return
    some = [server for path in _RESOLVERS for server in found.get(path, ())]
    has = f"only {', '.join(dict.fromkeys(some))}" if some else "no name server"
    yield warn(
        f"it has {has}, which pods cannot use: K3s makes them ask public ones, which a site "
        "without Internet has not",
        "name a server of the site under `forward` of `coredns`; for pods that use the host's own, "
        "in a file, with `resolv-conf: FILE` under `config`",
    )


def _usable(servers: tuple[str, ...]) -> bool:
    """K3s rejects a file with any loopback or link-local one (pkg/agent/config/config.go)."""
    try:
        addresses = [ipaddress.ip_address(server.partition("%")[0]) for server in servers]
    except ValueError:
        return False
    return bool(addresses) and not any(a.is_loopback or a.is_link_local for a in addresses)


def firewall(subject: Subject) -> Iterator[Complaint]:
    """No firewall stands between the nodes."""
    condition = subject.facts.condition
    found = set(condition.firewalls) | ({"firewalld"} & condition.programs)
    several = _has_etcd(subject) and len(subject.cluster.every_server) > 1
    if "firewalld" in found:
        etcd = " --add-port=2379-2380/tcp" if several else ""
        commands = f"firewall-cmd --permanent --add-port=6443/tcp --add-port=10250/tcp{etcd}"
        zones = "--zone=trusted --add-source=10.42.0.0/16 --add-source=10.43.0.0/16"
        yield warn(
            "firewalld is active",
            f"`{commands} --add-port=8472/udp; firewall-cmd --permanent {zones}; "
            "firewall-cmd --reload`",
        )
    elif "ufw" in found:
        yield warn(
            "ufw is active",
            f"`{'ufw allow 2379:2380/tcp; ' if several else ''}"
            "ufw allow 6443/tcp; ufw allow 10250/tcp; ufw allow 8472/udp; "
            "ufw allow from 10.42.0.0/16; ufw allow from 10.43.0.0/16`",
        )
    elif found:
        yield warn(
            f"its firewall ({', '.join(sorted(found))}) drops what it does not know",
            f"{_OPENED}{'; 2379-2380/tcp between servers' if several else ''}",
        )
