"""The sections of ``cluster`` become K3s's own keys, so that everything else looks in one place.

It is an error to set a key in both, and to set what excludes each other.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from edgeboot.errors import BadInput
from edgeboot.inventory.cluster import Components, k3s_keys
from edgeboot.inventory.k3s_keys import KEYS, Kind
from edgeboot.inventory.model import ConfigValue, Node, Role

# Where keys of ``config`` stand: (node's name, key) -> file:line; the cluster's have no name.
Places = Mapping[tuple[str, str], str]

# A node may differ from the cluster in these.
_OF_NODES = frozenset({"snapshotter", "default-runtime", "flannel-iface"})
# Arguments that edgeboot writes for ``audit`` and for the profile ``cis``.
AUDIT_ARGS = ("audit-policy-file", "audit-log-path", "audit-log-maxage", "audit-log-maxbackup")
CIS_ARGS = ("admission-control-config-file", "enable-admission-plugins")
_ONE = "remove one of them"


def folded(config: Mapping[str, ConfigValue], wanted: Components) -> dict[str, ConfigValue]:
    """``config`` of the cluster with the keys of its sections; lists add to what is there."""
    merged = dict(config)
    for key, (_, value) in k3s_keys(wanted).items():
        if isinstance(value, tuple):
            old = _texts(merged.get(key))
            merged[key] = (*old, *(text for text in value if text not in old))
        else:
            merged[key] = value
    return merged


def conflicts(
    config: Mapping[str, ConfigValue], wanted: Components, places: Places
) -> Iterator[BadInput]:
    """What ``config`` of the cluster and its sections cannot both say."""
    for key, (section, value) in k3s_keys(wanted).items():
        if key in config and not isinstance(value, tuple):
            place = wanted.places.get(section, "the section")
            what = f"'{key}' is set in 'config' and by '{section}'"
            hint = f"remove it from 'config'; '{section}' is at {place}"
            yield BadInput(what, where=places.get(("", key)), hint=hint)
    yield from _turned_off(_texts(config.get("disable")), wanted)
    yield from _overridden(config, wanted, places)
    if wanted.audit:
        yield from _taken(config, AUDIT_ARGS, "audit", places.get(("", "kube-apiserver-arg")))


def _turned_off(disabled: tuple[str, ...], wanted: Components) -> Iterator[BadInput]:
    needs_servicelb = wanted.traefik.given and wanted.traefik.expose == "load-balancer"
    if wanted.traefik.given and "traefik" in disabled:
        what = "'traefik' has settings, but 'disable' turns it off"
        yield BadInput(what, where=wanted.places["traefik"], hint=_ONE)
    elif needs_servicelb and "servicelb" in disabled:
        what = "'traefik' needs ServiceLB to bind its ports, but 'disable' turns that off"
        hint = "write 'expose: host-network', or remove servicelb from 'disable'"
        yield BadInput(what, where=wanted.places["traefik"], hint=hint)
    if wanted.coredns != type(wanted.coredns)() and "coredns" in disabled:
        what = "'coredns' has settings, but 'disable' turns it off"
        yield BadInput(what, where=wanted.places["coredns"], hint=_ONE)


def _overridden(
    config: Mapping[str, ConfigValue], wanted: Components, places: Places
) -> Iterator[BadInput]:
    if wanted.flannel.mtu is not None and "flannel-conf" in config:
        what = "'flannel-conf' in 'config' overrides 'mtu' of 'flannel'"
        yield BadInput(what, where=places.get(("", "flannel-conf")), hint=_ONE)


def _taken(
    config: Mapping[str, ConfigValue], names: tuple[str, ...], section: str, where: str | None
) -> Iterator[BadInput]:
    for text in _texts(config.get("kube-apiserver-arg")):
        name = text.partition("=")[0]
        if name in names:
            what = f"'{name}' is set in 'kube-apiserver-arg' and by '{section}'"
            yield BadInput(what, where=where, hint=_ONE)


def node_conflicts(
    node: Node, config: Mapping[str, ConfigValue], wanted: Components, places: Places
) -> Iterator[BadInput]:
    """What a node's ``config`` and the cluster's sections cannot both say."""
    for key, (section, _) in k3s_keys(wanted).items():
        same_everywhere = KEYS[key].kind is not Kind.LIST and key not in _OF_NODES
        if same_everywhere and key in node.config:
            what = f"'{key}' of node '{node.name}' is set by '{section}' of the cluster"
            where = places.get((node.name, key), node.where)
            yield BadInput(what, where=where, hint="remove it from the node's 'config'")
    if node.role is Role.SERVER and "cis" in node.profiles:
        both = {**config, **node.config}
        names = CIS_ARGS if wanted.audit else (*CIS_ARGS, *AUDIT_ARGS)
        yield from _taken(both, names, "cis", node.where)


def hardening(nodes: tuple[Node, ...], config: Mapping[str, ConfigValue]) -> Iterator[BadInput]:
    """The profile ``cis`` is for all servers, and encrypts Secrets."""
    servers = [node for node in nodes if node.role is Role.SERVER]
    hardened = [node for node in servers if "cis" in node.profiles]
    if not hardened:
        return
    if len(hardened) < len(servers):
        other = next(node for node in servers if node not in hardened)
        what = f"server '{hardened[0].name}' has the profile cis, but '{other.name}' does not"
        yield BadInput(what, where=other.where, hint="give it to all servers, or to none")
    if config.get("secrets-encryption") is False:
        what = "the profile cis encrypts Secrets, but 'secrets-encryption' is false"
        yield BadInput(what, where=hardened[0].where, hint=_ONE)


def with_disabled(node: Node, wanted: Components) -> Node:
    """The node, with what the cluster's sections disable among what its own key does."""
    names = () if wanted.traefik.enabled else ("traefik",)
    if "disable" not in node.config or not names:
        return node
    own = _texts(node.config["disable"])
    more = tuple(name for name in names if name not in own)
    return replace(node, config={**node.config, "disable": (*own, *more)})


def hardened_config(
    nodes: tuple[Node, ...], config: Mapping[str, ConfigValue]
) -> dict[str, ConfigValue]:
    """The cluster's keys with those that the profile ``cis`` of its servers requires."""
    servers = [node for node in nodes if node.role is Role.SERVER]
    if servers and all("cis" in node.profiles for node in servers):
        return {"secrets-encryption": True, **config}
    return dict(config)


def _texts(value: ConfigValue | None) -> tuple[str, ...]:
    return value if isinstance(value, tuple) else (str(value),) if value is not None else ()
