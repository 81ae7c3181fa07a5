"""The sections of ``cluster`` become K3s's own keys, so that everything else looks in one place.

What both a section and ``config`` say is an error, and so is what cannot be together.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from edgeboot.errors import BadInput
from edgeboot.inventory.cluster import Components, k3s_keys
from edgeboot.inventory.k3s_keys import KEYS, Kind
from edgeboot.inventory.model import ConfigValue, Node, Role

# A node may differ from the cluster in these.
_OF_NODES = frozenset({"snapshotter", "default-runtime", "flannel-iface"})
# Arguments that edgeboot writes where ``audit`` or the profile ``cis`` ask for it.
AUDIT_ARGS = ("audit-policy-file", "audit-log-path", "audit-log-maxage", "audit-log-maxbackup")
CIS_ARGS = ("admission-control-config-file", "enable-admission-plugins")


def folded(
    config: Mapping[str, ConfigValue], wanted: Components, where: Mapping[str, str]
) -> dict[str, ConfigValue]:
    """``config`` of the cluster with the keys of its sections; ``where`` each key stands."""
    merged = dict(config)
    for key, (section, value) in k3s_keys(wanted).items():
        old = merged.get(key)
        if isinstance(value, tuple):
            merged[key] = (*_texts(old), *(text for text in value if text not in _texts(old)))
            continue
        if old is not None:
            place = wanted.places.get(section, "the section")
            raise BadInput(
                f"'{key}' stands in 'config' and follows from '{section}'",
                where=where.get(key),
                hint=f"remove it from 'config'; '{section}' is at {place}",
            )
        merged[key] = value
    _check_cluster(merged, wanted, where)
    return merged


def _check_cluster(
    config: Mapping[str, ConfigValue], wanted: Components, where: Mapping[str, str]
) -> None:
    if wanted.traefik.given and "traefik" in _texts(config.get("disable")):
        what = "'traefik' has settings, and 'disable' switches it off"
        raise BadInput(what, where=wanted.places["traefik"], hint="remove one of them")
    if (
        wanted.traefik.expose == "load-balancer"
        and wanted.traefik.given
        and "servicelb" in _texts(config.get("disable"))
    ):
        what = "Traefik's ports are to be bound by ServiceLB, and 'disable' switches that off"
        hint = "write 'expose: host-network', or let servicelb be"
        raise BadInput(what, where=wanted.places["traefik"], hint=hint)
    if wanted.coredns != type(wanted.coredns)() and "coredns" in _texts(config.get("disable")):
        what = "'coredns' has settings, and 'disable' switches it off"
        raise BadInput(what, where=wanted.places["coredns"], hint="remove one of them")
    if wanted.flannel.mtu is not None and "flannel-conf" in config:
        what = "'flannel-conf' in 'config' would hide 'mtu' of 'flannel'"
        raise BadInput(what, where=where.get("flannel-conf"), hint="remove one of them")
    if wanted.embedded_registry and "container-runtime-endpoint" in config:
        what = "the embedded registry needs K3s's own containerd"
        where_key = where.get("container-runtime-endpoint")
        raise BadInput(what, where=where_key, hint="remove 'container-runtime-endpoint'")
    if not wanted.registries.empty and "private-registry" in config:
        what = "'private-registry' in 'config' would hide 'registries'"
        raise BadInput(what, where=where.get("private-registry"), hint="remove one of them")
    if wanted.audit:
        _check_args(config, AUDIT_ARGS, "audit", where.get("kube-apiserver-arg"))


def _check_args(
    config: Mapping[str, ConfigValue], names: Iterable[str], section: str, where: str | None
) -> None:
    for text in _texts(config.get("kube-apiserver-arg")):
        name = text.partition("=")[0]
        if name in names:
            what = f"'{name}' in 'kube-apiserver-arg' is what '{section}' writes"
            raise BadInput(what, where=where, hint="remove one of them")


def folded_nodes(
    nodes: tuple[Node, ...], config: Mapping[str, ConfigValue], wanted: Components
) -> tuple[Node, ...]:
    """The nodes, checked against the cluster's sections, with lists that add to theirs."""
    keys = k3s_keys(wanted)
    for node in nodes:
        for key in keys:
            alike = KEYS[key].kind is not Kind.LIST and key not in _OF_NODES
            if alike and key in node.config:
                what = f"'{key}' of node '{node.name}' follows from '{keys[key][0]}' of the cluster"
                raise BadInput(what, where=node.where, hint="remove it from its 'config'")
        if node.role is Role.SERVER and "cis" in node.profiles:
            both = {**config, **node.config}
            _check_args(both, CIS_ARGS, "cis", node.where)
            if wanted.audit is None:
                _check_args(both, AUDIT_ARGS, "cis", node.where)
    _check_hardened(nodes, config)
    off = () if wanted.traefik.enabled else ("traefik",)
    return tuple(_with_disabled(node, off) for node in nodes)


def _with_disabled(node: Node, names: tuple[str, ...]) -> Node:
    if "disable" not in node.config or not names:
        return node
    own = _texts(node.config["disable"])
    more = tuple(name for name in names if name not in own)
    return replace(node, config={**node.config, "disable": (*own, *more)})


def _check_hardened(nodes: tuple[Node, ...], config: Mapping[str, ConfigValue]) -> None:
    servers = [node for node in nodes if node.role is Role.SERVER]
    hardened = [node for node in servers if "cis" in node.profiles]
    if not hardened:
        return
    if len(hardened) < len(servers):
        other = next(node for node in servers if node not in hardened)
        what = f"'{hardened[0].name}' has the profile cis and '{other.name}' has not"
        raise BadInput(what, where=other.where, hint="servers agree: all or none")
    if config.get("secrets-encryption") is False:
        what = "the profile cis wants Secrets encrypted, and 'secrets-encryption' says no"
        raise BadInput(what, where=hardened[0].where, hint="remove one of them")


def hardened_config(
    nodes: tuple[Node, ...], config: Mapping[str, ConfigValue]
) -> dict[str, ConfigValue]:
    """The cluster's keys with those that the profile ``cis`` of its servers asks for."""
    servers = [node for node in nodes if node.role is Role.SERVER]
    if servers and all("cis" in node.profiles for node in servers):
        return {"secrets-encryption": True, **config}
    return dict(config)


def _texts(value: ConfigValue | None) -> tuple[str, ...]:
    return value if isinstance(value, tuple) else (str(value),) if value is not None else ()
