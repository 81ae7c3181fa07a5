"""Which hosts a command works on, and how many at a time: the options, and the connections."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import wraps
from typing import Any, TypeVar, cast

import click

from edgeboot.cli.run.connect import OF_ONE_HOST, connected
from edgeboot.cli.terminal.prompts import Asking
from edgeboot.engine.fleet import WORKERS, FleetError
from edgeboot.engine.host_sessions import DEFAULT_POLICY, RunPolicy
from edgeboot.errors import EdgebootError, combined_exit_code
from edgeboot.inventory.model import Cluster
from edgeboot.lifecycle.selection import can_continue, limited, without
from edgeboot.localio import runs
from edgeboot.transport.base import Transport
from edgeboot.transport.ssh.cancellation import Cancellation

F = TypeVar("F", bound=Callable[..., Any])


@dataclass(frozen=True)
class HostSelection:
    """The user's options about hosts."""

    limit: tuple[str, ...] = ()
    skip_unreachable: bool = False
    parallel: int = WORKERS
    uploads: int = DEFAULT_POLICY.uploads
    retry_for: int = 0


@dataclass(frozen=True)
class Reached:
    """The hosts that take part, connected; ``lost`` are the unreachable ones, and why."""

    cluster: Cluster
    transports: Mapping[str, Transport]
    policy: RunPolicy
    lost: Mapping[str, EdgebootError]


def host_options(function: F) -> F:
    """``--limit``, ``--skip-unreachable`` and ``--parallel``, folded into one ``scope``."""

    @wraps(function)
    def with_scope(*args: Any, limit: str, skip_unreachable: bool, **kwargs: Any) -> Any:
        scope = HostSelection(
            limit=tuple(word.strip() for word in limit.split(",") if word.strip()),
            skip_unreachable=skip_unreachable,
            **{
                key: kwargs.pop(key) for key in ("parallel", "uploads", "retry_for") & kwargs.keys()
            },
        )
        return function(*args, scope=scope, **kwargs)

    limit = click.option(
        "--limit",
        default="",
        metavar="NODE,GROUP,…",
        help="Change only these nodes, groups or roles; the first server is still read.",
    )
    skip = click.option(
        "--skip-unreachable",
        is_flag=True,
        help="Continue without unreachable hosts, list them, and exit 3.",
    )
    parallel = click.option(
        "--parallel",
        type=click.IntRange(1, 100),
        default=WORKERS,
        show_default=True,
        envvar="EDGEBOOT_PARALLEL",
        show_envvar=True,
        help="Hosts to work on at the same time.",
    )
    return cast(F, limit(skip(parallel(with_scope))))


def policy_options(function: F) -> F:
    """``--uploads`` and ``--retry-for`` of commands that change hosts; above ``host_options``."""
    uploads = click.option(
        "--uploads",
        type=click.IntRange(1, 100),
        default=DEFAULT_POLICY.uploads,
        show_default=True,
        envvar="EDGEBOOT_UPLOADS",
        show_envvar=True,
        help="Hosts to send large files to at the same time.",
    )
    return uploads(retry_option(function))


def retry_option(function: F) -> F:
    """``--retry-for``."""
    return click.option(
        "--retry-for",
        type=click.IntRange(min=0),
        default=300,
        show_default=True,
        envvar="EDGEBOOT_RETRY_FOR",
        show_envvar=True,
        help="Seconds to keep reconnecting to a host whose connection broke; 0 turns it off.",
    )(function)


@contextmanager
def reached(
    cluster: Cluster, scope: HostSelection, *, accept_new: bool, asking: Asking
) -> Iterator[Reached]:
    """Connections to the hosts in scope, closed at the end, and at once on Ctrl-C or SIGTERM."""
    selection = limited(cluster, scope.limit)
    lost: dict[str, EdgebootError] = {}
    cancellation = Cancellation()
    with (
        _with_advice(selection.cluster, scope),
        connected(
            selection.cluster,
            accept_new=accept_new,
            asking=asking,
            workers=scope.parallel,
            lost=lost if scope.skip_unreachable else None,
            cancellation=cancellation,
        ) as transports,
    ):
        policy = RunPolicy(
            parallel=scope.parallel,
            uploads=scope.uploads,
            patience=float(scope.retry_for),
            skip_unreachable=scope.skip_unreachable,
            read_only=selection.read_only,
            runs=runs.recorded(),
            sleep=cancellation.pause,
        )
        yield Reached(without(selection.cluster, lost), transports, policy, lost)


@contextmanager
def _with_advice(cluster: Cluster, scope: HostSelection) -> Iterator[None]:
    """Adds ``--skip-unreachable`` to the hints if the run could continue without the lost hosts."""
    try:
        yield
    except FleetError as error:
        missing = {n for n, e in error.errors.items() if isinstance(e, OF_ONE_HOST)}
        spared = missing == error.errors.keys() and can_continue(cluster, missing)
        if spared and not scope.skip_unreachable:
            for one in error.errors.values():
                one.hint = f"{one.hint}; or continue without it: --skip-unreachable"
        raise


def tell_lost(lost: Mapping[str, EdgebootError]) -> int:
    """Lists the hosts that were left out on standard error; returns the exit code."""
    for error in lost.values():
        click.echo(f"left out: {error}", err=True)
    return combined_exit_code(error.exit_code for error in lost.values())
