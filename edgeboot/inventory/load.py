"""``inventory.yml`` to a Cluster: layers folded, ranges written out, everything checked.

A node's settings are ``defaults``, then its role's, then its groups' in the order it lists them,
then its own: mappings are merged, lists and single values replaced. No host is spoken to and no
name resolved. The first mistake is raised as BadInput with file and line.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import reduce
from itertools import chain, islice
from pathlib import Path

from edgeboot.errors import BadInput
from edgeboot.inventory import sections, syntax
from edgeboot.inventory.checking import checked
from edgeboot.inventory.cluster import read as read_components
from edgeboot.inventory.expand import expand
from edgeboot.inventory.fold import folded, folded_nodes, hardened_config
from edgeboot.inventory.model import Cluster, Node, Role
from edgeboot.inventory.servers import check_servers, read_datastore, read_vip
from edgeboot.inventory.settings import read_config, read_settings
from edgeboot.yaml import parser
from edgeboot.yaml.reader import Mapping, Reader
from edgeboot.yaml.wording import nearest, quoted

MAX_NODES = 1000
_SSH_PORT = 22
_OTHER_WORDS = {"master": "server", "control-plane": "server", "controller": "server"} | {
    "worker": "agent",
    "node": "agent",
}


def load(path: Path) -> Cluster:
    """Read an inventory; paths in it are relative to its directory."""
    document = parser.load(path)
    _check_indented(document)
    top = document.reader(sections.TOP, "the inventory")
    base = path.parent
    if not top.has("cluster"):
        raise BadInput("the inventory has no 'cluster'", where=str(path), hint=_EXAMPLE)
    cluster = top.mapping("cluster").reader(sections.CLUSTER, "'cluster'")
    name = checked(cluster, "name", cluster.text("name"), syntax.dns_label)
    components = read_components(cluster, base)
    written = cluster.mapping("config")
    places = {key: written.where(key) for key in written}
    config = folded(read_config(cluster, None), components, places)
    nodes = _Layers(top, base).nodes(top)
    _check_servers(top, nodes)
    _check_unique(nodes)
    nodes = folded_nodes(nodes, config, components)
    loaded = Cluster(
        name=name,
        nodes=nodes,
        config=hardened_config(nodes, config),
        bundle=_bundle(top, base),
        where=top.top.where("cluster"),
        bundle_keys=_bundle_keys(top),
        allow_unsigned=top.boolean("allow-unsigned", False),
        datastore=read_datastore(cluster, base),
        vip=read_vip(cluster),
        components=components,
    )
    check_servers(loaded)
    return loaded


def _check_indented(document: Mapping) -> None:
    """A key of 'cluster' or of a node at the left edge: known, but not there."""
    for key in document:
        home = "cluster" if key in sections.CLUSTER else None
        home = home or ("defaults" if key in sections.SETTINGS else None)
        if home:
            what = f"unknown key '{key}' in the inventory"
            hint = f"indent it with two spaces, so that it stands below '{home}:'"
            raise BadInput(what, where=document.where(key), hint=hint)


_EXAMPLE = "begin with 'cluster:' and an indented 'name:'; inventories/single.yml is an example"


class _Layers:
    """``defaults``, ``roles`` and ``groups``; each is checked even if no node uses it."""

    def __init__(self, top: Reader, base: Path) -> None:
        self._base = base
        self._defaults = top.mapping("defaults")
        roles = top.mapping("roles").reader(sections.ROLES, "'roles'")
        self._roles = {role: roles.mapping(role.value) for role in Role}
        groups = top.mapping("groups").free_reader("'groups'")
        self._groups = {name: groups.mapping(name) for name in groups.top}
        self._check(self._defaults, "'defaults'", None)
        for role, layer in self._roles.items():
            self._check(layer, f"role '{role.value}'", role)
        for name, layer in self._groups.items():
            checked(groups, name, name, syntax.dns_label)
            self._check(layer, f"group '{name}'", None)

    def _check(self, layer: Mapping, what: str, role: Role | None) -> None:
        read_settings(layer.reader(sections.SETTINGS, what), self._base, role)

    def nodes(self, top: Reader) -> tuple[Node, ...]:
        """All nodes, in the inventory's order."""
        entries = top.mappings("nodes")
        nodes = tuple(islice(chain.from_iterable(map(self._expanded, entries)), MAX_NODES + 1))
        if len(nodes) > MAX_NODES:
            raise top.error(
                "nodes", f"more than {MAX_NODES} nodes", "make several clusters of them"
            )
        return nodes

    def _expanded(self, entry: Mapping) -> Iterator[Node]:
        reader = entry.reader(sections.NODE, "a node")
        reader = Reader(entry, f"node {quoted(reader.text('name'))}")
        names = _range(reader, "name")
        addresses = _range(reader, "address")
        node_ips = _range(reader, "node-ip") if reader.has("node-ip") else ()
        for key, values in (("address", addresses), ("node-ip", node_ips)):
            if len(values) != len(names) and (values or key == "address"):
                what = f"{reader.what} is {len(names)} names but {len(values)} of '{key}'"
                raise reader.error(key, what, "let both ranges be of the same length")
        role = _role(reader)
        layers = (self._defaults, self._roles[role], *self._layers_of_groups(reader), entry)
        folded = reduce(lambda below, above: above.over(below), layers)
        settings = read_settings(Reader(folded, reader.what), self._base, role)
        for index, name in enumerate(names):
            yield Node(
                name=checked(reader, "name", name, syntax.dns_label),
                address=checked(reader, "address", addresses[index], syntax.address),
                role=role,
                ssh=settings.ssh,
                labels=settings.labels,
                taints=settings.taints,
                node_ip=checked(reader, "node-ip", node_ips[index], syntax.ip_address)
                if node_ips
                else None,
                config=settings.config,
                budget=settings.budget,
                groups=tuple(reader.texts("groups")),
                profiles=settings.profiles,
                host=settings.host,
                where=entry.where(),
            )

    def _layers_of_groups(self, reader: Reader) -> Iterator[Mapping]:
        for name in reader.texts("groups"):
            if name not in self._groups:
                near = nearest(name, tuple(self._groups))
                hint = f"did you mean '{near}'?" if near else "define it under 'groups'"
                raise reader.error("groups", f"{reader.what}: no group {quoted(name)}", hint)
            yield self._groups[name]


def _range(reader: Reader, key: str) -> tuple[str, ...]:
    text = reader.text(key)
    try:
        return expand(text)
    except ValueError as error:
        raise reader.error(key, f"{quoted(text)} cannot be '{key}'", str(error)) from None


def _role(reader: Reader) -> Role:
    text = reader.text("role")
    try:
        return Role(text)
    except ValueError:
        near = nearest(text, sections.ROLES) or _OTHER_WORDS.get(text.lower())
        hint = f"did you mean '{near}'?" if near else "server or agent"
        raise reader.error("role", f"{reader.what}: no role {quoted(text)}", hint) from None


def _check_servers(top: Reader, nodes: tuple[Node, ...]) -> None:
    where = top.top.where("nodes")
    if not nodes:
        hint = "write 'nodes:' and below it '- name: …' with address and role"
        raise BadInput("the inventory has no nodes", where=where, hint=hint)
    if not any(node.role is Role.SERVER for node in nodes):
        raise BadInput("no node is a server", where=where, hint="give one node 'role: server'")


def _check_unique(nodes: tuple[Node, ...]) -> None:
    seen: dict[tuple[str, object], Node] = {}
    for node in nodes:
        port = node.ssh.port or _SSH_PORT
        keys: list[tuple[str, object, str]] = [
            ("name", node.name, f"the name '{node.name}'"),
            ("address", (node.address, port), f"the address {node.address}, port {port},"),
        ]
        if node.node_ip:
            keys.append(("node-ip", node.node_ip, f"the node-ip {node.node_ip}"))
        for kind, key, words in keys:
            other = seen.setdefault((kind, key), node)
            if other is not node:
                hint = f"change one of them; the other one is '{other.name}' at {other.where}"
                raise BadInput(f"{words} is used twice", where=node.where, hint=hint)


def _bundle_keys(top: Reader) -> tuple[str, ...]:
    keys = tuple(
        checked(top, "bundle-keys", text, syntax.bundle_key) for text in top.texts("bundle-keys")
    )
    unsigned = top.boolean("allow-unsigned", False)
    if keys and unsigned:
        what = "'allow-unsigned' would make 'bundle-keys' pointless"
        raise top.error("allow-unsigned", what, "remove one of them")
    return keys


def _bundle(top: Reader, base: Path) -> Path | None:
    text = top.text("bundle", None)
    if text is None:
        return None
    try:
        return base / Path(checked(top, "bundle", text, syntax.plain)).expanduser()
    except RuntimeError:
        raise top.error("bundle", f"no such user in {quoted(text)}") from None
