"""Wires the SSH transport in: from an inventory to one open connection a host."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from types import FrameType
from typing import NoReturn

import click

from edgeboot.cli.terminal.prompts import HOSTS_LOGIN, Asking, credentials_for, show_typing
from edgeboot.cli.terminal.verbosity import teller
from edgeboot.engine.fleet import WORKERS, FleetError, on_all
from edgeboot.errors import EdgebootError, Interrupted, Unreachable
from edgeboot.inventory.model import Cluster, Jump, Node
from edgeboot.transport.base import Transport
from edgeboot.transport.ssh.connection import connect
from edgeboot.transport.ssh.host_keys.policy import HostKeys
from edgeboot.transport.ssh.target import Limits, SshTarget

NOTHING = Asking()
_GONE_WITHIN = 4.0  # seconds from Ctrl-C to the end, whatever a host does


@contextmanager
def connected(
    cluster: Cluster,
    *,
    accept_new: bool,
    asking: Asking = NOTHING,
    workers: int = WORKERS,
    lost: dict[str, EdgebootError] | None = None,
    stopping: threading.Event | None = None,
) -> Iterator[dict[str, Transport]]:
    """Connections to all nodes, closed at the end, and at once on Ctrl-C or SIGTERM.

    Where ``lost`` is given, hosts that cannot be reached are put there instead of raised.
    ``stopping`` is set by those signals.
    """
    with attempted(
        cluster, accept_new=accept_new, asking=asking, workers=workers, stopping=stopping
    ) as (opened, errors):
        off = {n: e for n, e in errors.items() if lost is not None and isinstance(e, Unreachable)}
        if errors.keys() - off:
            raise FleetError(errors)
        if lost is not None:
            lost.update(off)
        yield opened


@contextmanager
def attempted(
    cluster: Cluster,
    *,
    accept_new: bool,
    asking: Asking = NOTHING,
    workers: int = WORKERS,
    stopping: threading.Event | None = None,
) -> Iterator[tuple[dict[str, Transport], dict[str, EdgebootError]]]:
    """As ``connected``, but nothing is raised: hosts that let nobody in, and why, come second."""
    keys = HostKeys(accept_new=accept_new, announce=lambda line: click.echo(line, err=True))
    limits = Limits()
    opened: dict[str, Transport] = {}
    targets = {node.name: target_of(node, asking) for node in cluster.nodes}
    credentials = credentials_for(_asking_for(cluster, asking))
    wrap = teller()

    def open_one(name: str) -> None:
        opened[name] = wrap(connect(targets[name], keys, limits, credentials=credentials))

    with closing_on_signals(opened, stopping):
        try:
            _, errors = on_all(targets, open_one, workers=workers)
            yield {name: opened[name] for name in targets if name in opened}, errors
        finally:
            close_all(opened)


def close_all(opened: dict[str, Transport]) -> None:
    """Ends every connection, and whatever waits for an answer on one."""
    for transport in list(opened.values()):
        transport.close()


def _asking_for(cluster: Cluster, asking: Asking) -> Asking:
    """Ask before connecting for what the inventory says is needed, too."""
    return replace(asking, login=asking.login or any(n.ssh.password for n in cluster.nodes))


def target_of(node: Node, asking: Asking = NOTHING) -> SshTarget:
    """Where and how to connect to a node."""
    ssh = node.ssh
    return SshTarget(
        node=node.name,
        address=node.address,
        user=ssh.user,
        port=ssh.port,
        key=ssh.key,
        host_key=ssh.host_key,
        jump=_jump_of(node.name, ssh.jump, asking),
        password=HOSTS_LOGIN if ssh.password or asking.login else None,
    )


def _jump_of(node: str, jump: Jump | None, asking: Asking) -> SshTarget | None:
    if jump is None:
        return None
    return SshTarget(
        node=f"jump host of {node}",
        address=jump.address,
        user=jump.user,
        port=jump.port,
        key=jump.key,
        host_key=jump.host_key,
        password=f"jump host {jump.address}" if jump.password or asking.login else None,
    )


@contextmanager
def closing_on_signals(
    opened: dict[str, Transport], stopping: threading.Event | None = None
) -> Iterator[None]:
    """Ctrl-C and SIGTERM close the connections, which wakes every worker, and raise Interrupted.

    ``stopping`` wakes whoever pauses between two tries.
    """

    def stop(_number: int, _frame: FrameType | None) -> NoReturn:
        if stopping:
            stopping.set()
        threading.Timer(_GONE_WITHIN, os._exit, (Interrupted.exit_code,)).start()
        show_typing()
        close_all(opened)
        raise Interrupted("interrupted", hint="run the same command again; it goes on from there")

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
