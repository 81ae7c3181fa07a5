"""``edgeboot inventory``: checks an inventory and shows what it results in."""

from __future__ import annotations

import json
from pathlib import Path

import click

from edgeboot.cli.groups import Group
from edgeboot.cli.inventory.imports import import_
from edgeboot.cli.inventory.init import init
from edgeboot.cli.options import inventory_option
from edgeboot.inventory.budget.values import ALL_FIGURES, limits_of, write_amount
from edgeboot.inventory.cluster.servers import warnings
from edgeboot.inventory.load import load
from edgeboot.inventory.model import Budget, Cluster, Node
from edgeboot.inventory.schema.document import json_schema
from edgeboot.inventory.schema.reference import markdown

_HEADINGS = ("NODE", "ROLE", "ADDRESS", "SSH", "LABELS", "TAINTS", "BUDGET")


@click.group(cls=Group)
def inventory() -> None:
    """Write an inventory, check it, or describe its format."""


inventory.add_command(init)
inventory.add_command(import_)


@inventory.command()
@inventory_option
def check(inventory_path: Path) -> None:
    """Check an inventory and show each node with defaults, role and groups applied.

    Reports every mistake at once. No host is contacted.

    \b
    edgeboot inventory check -i inventory.yml
    """
    cluster = load(inventory_path)
    for line in _summary(cluster):
        click.echo(line)
    for line in warnings(cluster):
        click.echo(f"warning: {line}")


@inventory.command()
@click.option(
    "--markdown", "as_markdown", is_flag=True, help="Print a reference in Markdown instead."
)
def schema(as_markdown: bool) -> None:
    """Print the JSON Schema of inventories, for editors.

    \b
    edgeboot inventory schema > inventory.schema.json
    """
    if as_markdown:
        click.echo(markdown(), nl=False)
        return
    click.echo(json.dumps(json_schema(), indent=2, ensure_ascii=False))


def _summary(cluster: Cluster) -> list[str]:
    servers, agents = len(cluster.servers), len(cluster.agents)
    rows = [_HEADINGS, *(_row(node) for node in cluster.nodes)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    table = ["  ".join(map(str.ljust, row, widths)).rstrip() for row in rows]
    bundle = f"bundle {cluster.bundle}" if cluster.bundle else "no bundle"
    counts = f"{_count(servers, 'server')}, {_count(agents, 'agent')}"
    counts += f", {cluster.datastore.kind.value}" + (f" at {cluster.vip}" if cluster.vip else "")
    return [f"cluster '{cluster.name}': {counts}; {bundle}", "", *table]


def _row(node: Node) -> tuple[str, ...]:
    address = f"{node.address} ({', '.join(node.node_ips)})" if node.node_ip else node.address
    labels = ",".join(f"{key}={value}" for key, value in sorted(node.labels.items()))
    taints = ",".join(node.taints)
    return (
        node.name,
        node.role.value,
        address,
        _ssh(node),
        labels or "-",
        taints or "-",
        _budget(node.budget),
    )


def _ssh(node: Node) -> str:
    parts = [
        f"{node.ssh.user}@" if node.ssh.user else "",
        f":{node.ssh.port}" if node.ssh.port else "",
        f" via {node.ssh.jump.address}" if node.ssh.jump else "",
    ]
    return "".join(parts).strip() or "-"


def _budget(budget: Budget) -> str:
    limits = limits_of(budget)
    parts = [budget.base or ""] + [
        f"{name} {write_amount(ALL_FIGURES[name].unit, limit)}" for name, limit in limits.items()
    ]
    return ", ".join(filter(None, parts)) or "-"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
