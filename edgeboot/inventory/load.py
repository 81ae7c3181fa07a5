"""``inventory.yml`` to a Cluster: layers folded, ranges expanded, everything checked.

No host is contacted and no name resolved. All mistakes of the file are raised together, each with
file and line, in their order.
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from edgeboot.errors import BadInput
from edgeboot.inventory import sections
from edgeboot.inventory.cluster import (
    EMBEDDED,
    REGISTRIES,
    components,
    families,
    registries,
    servers,
)
from edgeboot.inventory.cluster import KEYS as COMPONENT_KEYS
from edgeboot.inventory.cluster.fold import (
    Places,
    conflicts,
    folded,
    hardened_config,
    hardening,
    node_conflicts,
    with_disabled,
)
from edgeboot.inventory.layers import Found, Layers
from edgeboot.inventory.model import Cluster
from edgeboot.inventory.node.settings import SETTINGS
from edgeboot.inventory.sections import CLUSTER
from edgeboot.yaml import parser
from edgeboot.yaml.problems import Problems, reported
from edgeboot.yaml.section import Values
from edgeboot.yaml.types import mapping_of, present
from edgeboot.yaml.values import Mapping, Scalar

_EXAMPLE = "start with 'cluster:' and an indented 'name: edge', or run `edgeboot inventory init`"


def load(path: Path) -> Cluster:
    """Read an inventory; paths in it are relative to its directory."""
    _check_exists(path)
    problems = Problems()
    document = parser.load(path, problems)
    misplaced, misspelt = _refuse_unknown(document, problems)
    top = Values(document, "the inventory", path.parent, misspelt)
    for key in (sections.BUNDLE, sections.BUNDLE_KEYS, sections.ALLOW_UNSIGNED):
        top.read(key, problems)
    problems.collect(sections.signed_or_not(top))
    found = Layers(top, problems).nodes()
    cluster: Cluster | None = None
    with problems:
        values = _cluster_values(top, problems, path, quiet=misplaced)
        cluster = _cluster(top, values, found, problems)
    problems.raise_any()
    if cluster is None:
        raise AssertionError("an inventory without a mistake is a cluster")
    return cluster


def _check_exists(path: Path) -> None:
    try:
        os.lstat(path)
    except FileNotFoundError:
        raise _missing(path) from None
    except OSError:
        return  # the error of opening it says more


def _missing(path: Path) -> BadInput:
    write = "edgeboot inventory init"
    if str(path) != "inventory.yml":
        write += f" --out {shlex.quote(str(path))}"
    return BadInput(
        "no such inventory",
        where=str(path),
        hint=f"name one with -i FILE, or write one: {write}",
        error_id="no-inventory",
    )


def _refuse_unknown(document: Mapping, problems: Problems) -> tuple[bool, frozenset[str]]:
    """Reports unknown keys.

    Returns whether one belongs below ``cluster``, and which keys are missing for being misspelt.
    """
    of_cluster, known = set(CLUSTER.names), set(sections.TOP.names)
    rest = {}
    for key, entry in document.entries.items():
        home = "cluster" if key in of_cluster else "defaults" if key in SETTINGS.names else None
        if key in known or home is None:
            rest[key] = entry
            continue
        what = f"unknown key '{key}' in the inventory"
        hint = f"indent it by two spaces, below '{home}:'"
        problems.report(BadInput(what, where=document.where(key), hint=hint))
    others = Mapping(rest, document.start)
    misspelt = sections.TOP.refuse_unknown(others, "the inventory", problems)
    return bool(of_cluster & set(document) - known), misspelt


def _cluster_values(top: Values, problems: Problems, path: Path, *, quiet: bool) -> Values:
    """The keys of ``cluster``; ``quiet`` where its keys are reported as misplaced."""
    at = top.at(sections.CLUSTER_KEY)
    value = top.mapping.entries.get("cluster", (at.where, None))[1]
    absent = value is None or (isinstance(value, Scalar) and value.value is None)
    if absent and (quiet or top.misspelt(sections.CLUSTER_KEY)):
        raise reported()
    if value is None:
        raise BadInput("the inventory has no 'cluster'", where=str(path), hint=_EXAMPLE)
    mapping = mapping_of(present(value, at), at)
    return CLUSTER.values(mapping, CLUSTER.owner(mapping, at), top.base, problems)


def _cluster(top: Values, values: Values, found: Found, problems: Problems) -> Cluster:
    """The cluster of what could be read, with every conflict between its parts reported."""
    wanted, config = components(values), values.usable(sections.CONFIG)
    written = values.raw(sections.CONFIG)
    places: Places = {**found.places, **{("", key): written.where(key) for key in written}}
    merged = folded(config, wanted)
    nodes = tuple(with_disabled(node, wanted) for node in found.nodes)
    cluster = Cluster(
        name=values.usable(sections.CLUSTER_NAME),
        nodes=nodes,
        config=hardened_config(nodes, merged),
        bundle=top.usable(sections.BUNDLE),
        where=top.where(sections.CLUSTER_KEY),
        bundle_keys=top.usable(sections.BUNDLE_KEYS),
        allow_unsigned=top.usable(sections.ALLOW_UNSIGNED),
        datastore=values.usable(sections.DATASTORE),
        vip=values.usable(sections.VIP),
        components=wanted,
    )
    named = replace(cluster, nodes=tuple(found.named))
    if values.sound(REGISTRIES, EMBEDDED):
        own, embedded = values[REGISTRIES], values[EMBEDDED]
        problems.collect(registries.without_effect(own, embedded, values.raw(REGISTRIES)))
    problems.collect(conflicts(config, wanted, places))
    for node in nodes:
        problems.collect_new(node_conflicts(node, merged, wanted, places))
    problems.collect(hardening(nodes, merged))
    if found.named and found.roles_known:
        problems.collect(servers.some(named, top.where(sections.NODES)))
    problems.collect(_of_datastore(values, named, cluster, places))
    problems.collect(servers.own_vip(named, values.where(sections.VIP)))
    if values.sound(sections.CONFIG, *COMPONENT_KEYS):
        problems.collect(servers.differing(cluster, places))
        problems.collect(families.differing(cluster, places))
    return cluster


def _of_datastore(
    values: Values, named: Cluster, cluster: Cluster, places: Places
) -> Iterator[BadInput]:
    if values.sound(sections.DATASTORE):
        yield from servers.one_store(named)
        yield from servers.ignored(cluster, places)
