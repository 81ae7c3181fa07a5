"""Options that say what edgeboot may do to hosts, and which findings to allow."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, TypeVar

import click

from edgeboot.checks.catalogue import ALLOWABLE
from edgeboot.errors import BadInput
from edgeboot.inventory.model import Cluster, Node

F = TypeVar("F", bound=Callable[..., Any])


def install_options(function: F) -> F:
    """``--no-reboot`` and ``--allow``."""
    function = click.option(
        "--allow",
        "allowed",
        type=click.Choice(ALLOWABLE),
        multiple=True,
        help="Treat this finding as a warning; repeatable.",
    )(function)
    return click.option(
        "--no-reboot",
        is_flag=True,
        help="Refuse hosts that need a reboot instead of rebooting them.",
    )(function)


def firewall_option(function: F) -> F:
    """``--open-firewall``."""
    return click.option(
        "--open-firewall",
        is_flag=True,
        help="Open firewalld or ufw for the nodes, as `firewall: open` on every node would.",
    )(function)


def with_firewall(cluster: Cluster, *, is_open: bool) -> Cluster:
    """The cluster with ``firewall: open`` on every node whose inventory entry has no setting."""

    def opened(node: Node) -> Node:
        return replace(node, host=replace(node.host, firewall=node.host.firewall or "open"))

    return replace(cluster, nodes=tuple(map(opened, cluster.nodes))) if is_open else cluster


def forget_option(function: F) -> F:
    """``--forget-node-passwords``."""
    return click.option(
        "--forget-node-passwords",
        "forget",
        is_flag=True,
        help="Let reinstalled nodes rejoin under their old names.",
    )(function)


def token_options(function: F) -> F:
    """``--new-agent-token`` and ``--new-server-token``."""
    function = click.option(
        "--new-server-token",
        is_flag=True,
        help="Rotate the servers' token: servers restart one by one; agents keep theirs.",
    )(function)
    return click.option(
        "--new-agent-token",
        is_flag=True,
        help="Rotate the agents' token: servers restart one by one, then the agents.",
    )(function)


def check_tokens(*, agents: bool, servers: bool) -> None:
    """``BadInput`` for both: each takes a run of its own, so that one can be resumed if cut off."""
    if agents and servers:
        raise BadInput(
            "--new-agent-token and --new-server-token cannot be combined",
            hint="run the command with one of them, then with the other",
        )
