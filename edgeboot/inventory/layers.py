"""Nodes out of layers: ``defaults``, the role's, the groups' in the node's order, its own entry.

Mappings are merged, lists and single values replaced. A mistake in a layer is reported once,
whether no node uses it or a hundred.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, fields, replace
from functools import reduce
from itertools import chain

from edgeboot.errors import BadInput
from edgeboot.inventory import sections
from edgeboot.inventory.k3s_keys import applies_to
from edgeboot.inventory.model import Node
from edgeboot.inventory.node.settings import CONFIG, SETTINGS, Settings
from edgeboot.inventory.role import Role
from edgeboot.inventory.sections import ADDRESS, GROUPS, NAME, NODE_IP, ROLE
from edgeboot.yaml.compound import refuse_second
from edgeboot.yaml.position import Position
from edgeboot.yaml.problems import Problems, reported
from edgeboot.yaml.section import Values
from edgeboot.yaml.types import At, mapping_of, present
from edgeboot.yaml.values import Mapping, Sequence, Value, start_of
from edgeboot.yaml.wording import nearest, quoted

MAX_NODES = 1000
_SSH_PORT = 22
_SETTINGS = frozenset(SETTINGS.names)


@dataclass
class Found:
    """``nodes`` are without mistakes; ``named`` also those with a mistake in their settings.

    ``roles_known`` says whether all entries say what their nodes are.
    """

    nodes: list[Node] = field(default_factory=list)
    named: list[Node] = field(default_factory=list)
    roles_known: bool = True
    places: dict[tuple[str, str], Position] = field(default_factory=dict)  # of keys of ``config``


class Layers:
    """Reads the entries of ``nodes`` and folds the layers below them in."""

    def __init__(self, top: Values, problems: Problems) -> None:
        self._top, self._problems = top, problems
        for key in (sections.DEFAULTS, sections.BY_ROLE, sections.BY_GROUP):
            top.read(key, problems)
        self._defaults = top.raw(sections.DEFAULTS)
        self._roles = top.raw(sections.BY_ROLE)
        self._groups = top.raw(sections.BY_GROUP)
        for role in Role:
            layer = Values(_layer(self._roles, role.value), "", top.base)
            owner = f"role '{role.value}'"
            problems.collect(_for_servers_only(layer.raw(CONFIG), owner, role))
        self._seen: dict[str, dict[str, Position]] = {}
        self._found = Found()

    def nodes(self) -> Found:
        """All nodes, in the inventory's order."""
        for item in self._entries():
            self._found.roles_known &= self._entry(item)
            if len(self._found.named) > MAX_NODES:
                what, hint = f"more than {MAX_NODES} nodes", "split them into several clusters"
                self._problems.report(self._top.error(sections.NODES, what, hint))
                break
        return self._found

    def _entries(self) -> tuple[Value, ...]:
        at = self._top.at(sections.NODES)
        found: tuple[Value, ...] = ()
        with self._problems:
            if self._top.misspelt(sections.NODES):
                raise reported()
            value = self._top.mapping.entries.get(at.key, (at.where, Sequence((), at.where)))[1]
            if not isinstance(present(value, at), Sequence):
                self._found.roles_known = False
                raise at.unlike("a list of mappings", value)
            found = value.items if isinstance(value, Sequence) else ()
            if not found:
                hint = "write 'nodes:' and below it '- name: …' with address and role"
                raise at.error("the inventory has no nodes", hint)
        return found

    def _entry(self, item: Value) -> bool:
        """Reads an entry; returns whether its name and role are known."""
        at = replace(self._top.at(sections.NODES), where=start_of(item), item=True)
        with self._problems:
            entry = mapping_of(item, at)
            owner = sections.NODE.owner(entry, at)
            misspelt = sections.NODE.refuse_unknown(entry, owner, self._problems)
            identity = Values(entry, owner, at.base, misspelt)
            for key in sections.IDENTITY.keys:
                identity.read(key, self._problems)
            self._check_lengths(identity)
            settings = self._settings(identity)
            self._check_unique(identity, settings)
            return self._add(identity, settings)
        return False

    def _check_lengths(self, identity: Values) -> None:
        for key in (ADDRESS, NODE_IP):
            self._problems.collect(sections.same_length(identity, key))

    def _settings(self, identity: Values) -> Settings | None:
        """The node's settings; None where there is a mistake in them, which is reported once."""
        role: Role | None = identity.usable(ROLE)
        layers = [self._defaults, _layer(self._roles, role.value if role else "")]
        layers += [*self._layers_of_groups(identity), _only_settings(identity.mapping)]
        folded = reduce(lambda below, above: above.over(below), layers)
        values = Values(folded, identity.owner, identity.base)
        mistakes = Problems()
        for key in SETTINGS.keys:
            values.read(key, mistakes)
        config = values.raw(CONFIG)
        for error in _for_servers_only(config, identity.owner, role):
            mistakes.report(error)
        for name in identity.usable(NAME) or ():
            self._found.places |= {(name, key): config.where(key) for key in config}
        try:
            return SETTINGS.made(values, mistakes)
        except BadInput as error:
            self._problems.report_new(error)
            return None

    def _layers_of_groups(self, identity: Values) -> Iterator[Mapping]:
        for name in identity.usable(GROUPS):
            if name in self._groups:
                yield _layer(self._groups, name)
                continue
            near = nearest(name, tuple(self._groups))
            hint = f"did you mean '{near}'?" if near else "define it under 'groups'"
            what = f"unknown group {quoted(name)} in {identity.owner}"
            self._problems.report(identity.error(GROUPS, what, hint))

    def _check_unique(self, identity: Values, settings: Settings | None) -> None:
        with self._problems:
            self._check_new("node name", identity[NAME], identity.at(NAME))
        with self._problems:
            self._check_new("node-ip", tuple(chain(*identity[NODE_IP])), identity.at(NODE_IP))
        if settings is None:
            return
        port = settings.ssh.port or _SSH_PORT
        suffix = "" if port == _SSH_PORT else f" port {port}"
        with self._problems:
            places = tuple(f"{address}{suffix}" for address in identity[ADDRESS])
            self._check_new("address", places, identity.at(ADDRESS))

    def _check_new(self, noun: str, names: tuple[str, ...], at: At) -> None:
        seen = self._seen.setdefault(noun, {})
        for name in names:
            refuse_second(name, seen, at, noun)

    def _add(self, identity: Values, settings: Settings | None) -> bool:
        """Adds the nodes of an entry, if their names and roles are known."""
        names, role = identity.usable(NAME), identity.usable(ROLE)
        if not names or role is None:
            return False
        addresses = identity.usable(ADDRESS) or ()
        node_ips = identity.usable(NODE_IP)
        nodes = [
            Node(
                name=name,
                address=addresses[index] if index < len(addresses) else "",
                role=role,
                node_ip=_of(node_ips, index, 0),
                second_node_ip=_of(node_ips, index, 1),
                groups=identity.usable(GROUPS),
                where=identity.mapping.where(),
            )
            for index, name in enumerate(names)
        ]
        self._found.named += nodes
        if settings is not None:
            own = {field.name: getattr(settings, field.name) for field in fields(Settings)}
            self._found.nodes += [replace(node, **own) for node in nodes]
        return True


def _of(node_ips: tuple[tuple[str, ...], ...], index: int, family: int) -> str | None:
    own = node_ips[index] if index < len(node_ips) else ()
    return own[family] if family < len(own) else None


def _layer(layers: Mapping, name: str) -> Mapping:
    value = layers.entries[name][1] if name in layers else None
    return value if isinstance(value, Mapping) else Mapping({}, layers.start)


def _only_settings(entry: Mapping) -> Mapping:
    entries = {key: value for key, value in entry.entries.items() if key in _SETTINGS}
    return Mapping(entries, entry.start)


def _for_servers_only(config: Mapping, owner: str, role: Role | None) -> Iterator[BadInput]:
    for key in config:
        if role and not applies_to(key, role):
            what = f"'{key}' of {owner} is for servers only"
            hint = "move it to 'config' of 'cluster', which only servers get"
            yield BadInput(what, where=config.where(key), hint=hint)
