"""Options that say what edgeboot may do to hosts and what it shall overlook."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, TypeVar

import click

from edgeboot.errors import BadInput
from edgeboot.inventory.model import Cluster, Node
from edgeboot.lifecycle.preflight import ALLOWABLE

F = TypeVar("F", bound=Callable[..., Any])


def install_options(function: F) -> F:
    """``--no-reboot`` and ``--allow``."""
    function = click.option(
        "--allow",
        "allowed",
        type=click.Choice(ALLOWABLE),
        multiple=True,
        help="Warn of this finding instead of refusing; may be given several times.",
    )(function)
    return click.option(
        "--no-reboot",
        is_flag=True,
        help="Refuse hosts that could only be mended with a reboot.",
    )(function)


def firewall_option(function: F) -> F:
    """``--open-firewall``."""
    return click.option(
        "--open-firewall",
        is_flag=True,
        help="Let the nodes' traffic through firewalld or ufw; as `firewall: open` on every node.",
    )(function)


def with_firewall(cluster: Cluster, *, is_open: bool) -> Cluster:
    """The cluster with the firewalls of its hosts opened, where the inventory does not say."""

    def opened(node: Node) -> Node:
        return replace(node, host=replace(node.host, firewall=node.host.firewall or "open"))

    return replace(cluster, nodes=tuple(map(opened, cluster.nodes))) if is_open else cluster


def forget_option(function: F) -> F:
    """``--forget-node-passwords``."""
    return click.option(
        "--forget-node-passwords",
        "forget",
        is_flag=True,
        help="Let agents that were set up anew join again under their old names.",
    )(function)


def token_options(function: F) -> F:
    """``--new-agent-token`` and ``--new-server-token``."""
    function = click.option(
        "--new-server-token",
        is_flag=True,
        help="Have K3s make servers another token: they restart one by one; agents keep theirs.",
    )(function)
    return click.option(
        "--new-agent-token",
        is_flag=True,
        help="Give agents another token: servers restart one by one, then the agents.",
    )(function)


def check_tokens(*, agents: bool, servers: bool) -> None:
    """Each of the two is finished by a run of its own: both at once would leave more to tear."""
    if agents and servers:
        raise BadInput(
            "--new-agent-token and --new-server-token do not go together",
            hint="run it with one of them, then with the other",
        )
