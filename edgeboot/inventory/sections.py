"""The keys of ``inventory.yml``: each is declared once, for the loader and for the JSON Schema."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from edgeboot.errors import BadInput
from edgeboot.inventory import cluster, syntax
from edgeboot.inventory.cluster.datastore import DATASTORE as DATASTORE_TYPE
from edgeboot.inventory.files import path_of
from edgeboot.inventory.k3s_keys import CONFIG as CONFIG_SECTION
from edgeboot.inventory.model import Datastore
from edgeboot.inventory.node import node_ip
from edgeboot.inventory.node.settings import SETTINGS as SETTINGS
from edgeboot.inventory.ranges import expand
from edgeboot.inventory.role import Role
from edgeboot.yaml.compound import ListOf, Made, MapOf
from edgeboot.yaml.section import Key, Section, Values, optional, required
from edgeboot.yaml.types import TEXT, Boolean, Schema, Text
from edgeboot.yaml.wording import nearest

ROLES = tuple(role.value for role in Role)
_OTHER_WORDS = {
    **dict.fromkeys(("master", "control-plane", "controller"), "server"),
    **dict.fromkeys(("worker", "node"), "agent"),
}


def _values(values: Values) -> Values:
    return values


# cluster

CLUSTER_NAME = required(
    "name",
    Text(syntax.dns_label, "cluster name", syntax.LABEL_PATTERN),
    "The cluster's name, also that of its kubectl context.",
)
VIP = optional("vip", Text(syntax.address, "address"), "An address that moves between the servers.")
DATASTORE = optional(
    "datastore",
    DATASTORE_TYPE,
    "sqlite (one server), etcd (on the servers), or an external one.",
    default=Datastore(),
)
CONFIG = optional("config", CONFIG_SECTION, "K3s's own keys.", default={})
CLUSTER = Section(
    (CLUSTER_NAME, VIP, DATASTORE, CONFIG, *cluster.KEYS), _values, title="{key}", ref="cluster"
)

# nodes


def _range(check: Callable[[str], str], noun: str) -> Text[tuple[str, ...]]:
    return Text(lambda text: tuple(check(one) for one in expand(text)), noun)


class _Role(Text[Role]):
    """A role, with the words of other installers understood well enough to help."""

    def __init__(self) -> None:
        super().__init__(_role, "role")

    @property
    def schema(self) -> Schema:
        """The two roles."""
        return {"enum": list(ROLES)}


def _role(text: str) -> Role:
    if text in ROLES:
        return Role(text)
    near = nearest(text, ROLES) or _OTHER_WORDS.get(text.lower())
    raise ValueError(f"did you mean '{near}'?" if near else f"known: {', '.join(ROLES)}")


NAME = required(
    "name",
    _range(syntax.dns_label, "node name"),
    "Host name in the cluster; may contain one range: agent-[1-5].",
)
ADDRESS = required(
    "address",
    _range(syntax.address, "address"),
    "Address or host name for SSH; a range as in 'name': 192.0.2.[21-25].",
)
ROLE = required("role", _Role(), "What the node runs.")
GROUPS = optional(
    "groups", ListOf(TEXT), "Groups whose settings it gets, in this order.", default=()
)
NODE_IP = optional(
    "node-ip",
    Made(ListOf(TEXT, or_one=True, least=1), node_ip.pairs),
    "The address inside the cluster, if it is another one; two, IPv4 and IPv6, if dual-stack.",
    default=(),
)


def same_length(values: Values, key: Key[Any]) -> Iterator[BadInput]:
    """As many addresses as names."""
    names, others = values[NAME], values[key]
    if values.has(key) and len(others) != len(names):
        what = f"{values.owner} has {len(names)} names but {len(others)} of '{key.name}'"
        yield values.error(key, what, "use ranges of the same length")


IDENTITY = Section((NAME, ADDRESS, ROLE, GROUPS, NODE_IP), _values, title="node", named_by="name")
NODE = replace(IDENTITY, keys=(*IDENTITY.keys, *SETTINGS.keys), ref="node")

# the whole


BUNDLE = optional("bundle", Made(TEXT, path_of), "The bundle to install, relative to this file.")
BUNDLE_KEYS = optional(
    "bundle-keys",
    ListOf(Text(syntax.bundle_key, "bundle key", syntax.BUNDLE_KEY_PATTERN)),
    "minisign public keys; only bundles signed by one of them are installed.",
    default=(),
)
ALLOW_UNSIGNED = optional("allow-unsigned", Boolean(), "Install unsigned bundles.", default=False)
_OF_A_ROLE = replace(SETTINGS, title="role {key}")
_BY_ROLE = tuple(optional(role, _OF_A_ROLE) for role in ROLES)
DEFAULTS = optional("defaults", SETTINGS, "Settings of all nodes.")
BY_ROLE = optional(
    "roles",
    Section(_BY_ROLE, _values, title="{key}"),
    "Settings of all servers and of all agents.",
)
BY_GROUP = optional(
    "groups",
    MapOf(replace(SETTINGS, title="group {key}"), syntax.dns_label, "group name"),
    "Settings of the nodes that list the group, by its name.",
)
NODES = required("nodes", ListOf(NODE, least=1), "The hosts of the cluster.")


def signed_or_not(values: Values) -> Iterator[BadInput]:
    """Keys say whose bundles are installed, unless all are."""
    keys, unsigned = values[BUNDLE_KEYS], values[ALLOW_UNSIGNED]
    if keys and unsigned:
        what = "'allow-unsigned' makes 'bundle-keys' pointless"
        yield values.error(ALLOW_UNSIGNED, what, "remove one of them")


CLUSTER_KEY = required("cluster", CLUSTER, "The cluster as a whole.")
TOP = Section(
    (
        *(CLUSTER_KEY, BUNDLE, BUNDLE_KEYS),
        *(ALLOW_UNSIGNED, DEFAULTS, BY_ROLE, BY_GROUP, NODES),
    ),
    _values,
)
