"""Options that say what edgeboot may do to hosts, folded into one ``options`` parameter."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar, cast

import click

from edgeboot.checks.catalogue import ALLOWABLE
from edgeboot.errors import BadInput
from edgeboot.plan.options import InstallOptions

F = TypeVar("F", bound=Callable[..., Any])

_HOSTS = (
    click.option(
        "--no-reboot",
        is_flag=True,
        help="Refuse hosts that need a reboot instead of rebooting them.",
    ),
    click.option(
        "--allow",
        type=click.Choice(ALLOWABLE),
        multiple=True,
        help="Treat this finding as a warning; repeatable.",
    ),
    click.option(
        "--open-firewall",
        is_flag=True,
        help="Open firewalld or ufw for the nodes, as `firewall: open` on every node would.",
    ),
)
_CLUSTER = (
    click.option(
        "--forget-node-passwords",
        is_flag=True,
        help="Let reinstalled nodes rejoin under their old names.",
    ),
    click.option(
        "--new-agent-token",
        is_flag=True,
        help="Rotate the agents' token: servers restart one by one, then the agents.",
    ),
    click.option(
        "--new-server-token",
        is_flag=True,
        help="Rotate the servers' token: servers restart one by one; agents keep theirs.",
    ),
)


def diff_option(function: F) -> F:
    """``--diff``: the whole plan."""
    return click.option(
        "--diff",
        "whole",
        is_flag=True,
        help="Show the plan host by host, with the text of every small file.",
    )(function)


def host_change_options(function: F) -> F:
    """``--no-reboot``, ``--allow`` and ``--open-firewall``, as ``options``."""

    @wraps(function)
    def with_options(
        *args: Any, no_reboot: bool, allow: tuple[str, ...], open_firewall: bool, **kwargs: Any
    ) -> Any:
        options = InstallOptions(not no_reboot, frozenset(allow), open_firewall=open_firewall)
        return function(*args, options=options, **kwargs)

    return _with(_HOSTS, cast(F, with_options))


def install_options(function: F) -> F:
    """Those of ``host_change_options``, and what may happen to a cluster, as ``options``.

    ``BadInput`` for both tokens at once: each takes a run of its own, so that one can be resumed if
    it is interrupted.
    """

    @wraps(function)
    def with_options(
        *args: Any,
        no_reboot: bool,
        allow: tuple[str, ...],
        open_firewall: bool,
        forget_node_passwords: bool,
        new_agent_token: bool,
        new_server_token: bool,
        **kwargs: Any,
    ) -> Any:
        if new_agent_token and new_server_token:
            raise BadInput(
                "--new-agent-token and --new-server-token cannot be combined",
                hint="run the command with one of them, then with the other",
            )
        options = InstallOptions(
            not no_reboot,
            frozenset(allow),
            open_firewall,
            forget_node_passwords,
            new_agent_token,
            new_server_token,
        )
        return function(*args, options=options, **kwargs)

    return _with((*_HOSTS, *_CLUSTER), cast(F, with_options))


def _with(options: tuple[Callable[[F], F], ...], function: F) -> F:
    for option in reversed(options):
        function = option(function)
    return function
