"""Wires the SSH transport in: from an inventory to one open connection a host."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import replace

import click

from edgeboot.cli.run.interruption import close_all, closing_on_signals
from edgeboot.cli.terminal.prompts import HOSTS_LOGIN, Asking, credentials_for
from edgeboot.cli.terminal.screen import SCREEN
from edgeboot.cli.terminal.verbosity import is_quiet, verbosely
from edgeboot.engine.fleet import WORKERS, FleetError, on_all
from edgeboot.errors import EdgebootError, Unreachable
from edgeboot.events import WorkEnded, WorkStarted
from edgeboot.inventory.model import Cluster, Jump, Node
from edgeboot.transport.base import Transport
from edgeboot.transport.ssh.cancellation import Cancellation
from edgeboot.transport.ssh.client_config.readers import reader
from edgeboot.transport.ssh.client_config.settings import HostConfiguration
from edgeboot.transport.ssh.connection import connect
from edgeboot.transport.ssh.host_keys.policy import HostKeys
from edgeboot.transport.ssh.target import SshTarget

NOTHING = Asking()
OF_ONE_HOST = (Unreachable, HostConfiguration)  # errors that say nothing about other hosts


@contextmanager
def connected(
    cluster: Cluster,
    *,
    accept_new: bool,
    asking: Asking = NOTHING,
    workers: int = WORKERS,
    lost: dict[str, EdgebootError] | None = None,
    cancellation: Cancellation | None = None,
) -> Iterator[dict[str, Transport]]:
    """Connections to all nodes, closed at the end, and at once on Ctrl-C or SIGTERM.

    Where ``lost`` is given, hosts that cannot be reached are put there instead of raised.
    Those signals end the pauses of ``cancellation``, too.
    """
    with attempted(
        cluster, accept_new=accept_new, asking=asking, workers=workers, cancellation=cancellation
    ) as (opened, errors):
        off = {n: e for n, e in errors.items() if lost is not None and isinstance(e, OF_ONE_HOST)}
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
    cancellation: Cancellation | None = None,
) -> Iterator[tuple[dict[str, Transport], dict[str, EdgebootError]]]:
    """As ``connected``, but yields the errors of hosts that could not be connected to, too."""
    cancellation = cancellation or Cancellation()
    keys = HostKeys(accept_new=accept_new, announce=lambda line: click.echo(line, err=True))
    opened: dict[str, Transport] = {}
    targets = {node.name: target_of(node, asking) for node in cluster.nodes}
    wrap = verbosely()

    showing = nullcontext() if is_quiet() else SCREEN.alive()
    with showing, closing_on_signals(opened, cancellation):
        credentials = credentials_for(_asking_for(cluster, asking), cancellation)
        configuration = reader()  # one for all: hosts may share a jump host

        def open_one(name: str) -> None:
            target = targets[name]
            SCREEN.follow(WorkStarted(name, "connecting"))
            try:
                made = connect(
                    target,
                    keys,
                    configuration=configuration,
                    credentials=credentials,
                    cancellation=cancellation,
                )
            finally:
                SCREEN.follow(WorkEnded(name))
            opened[name] = wrap(made)
            if cancellation.asked:  # too late for the signal to see it
                made.close()

        try:
            _, errors = on_all(targets, open_one, workers=workers)
            yield {name: opened[name] for name in targets if name in opened}, errors
        finally:
            close_all(opened)


def _asking_for(cluster: Cluster, asking: Asking) -> Asking:
    """Adds the passwords that the inventory says will be needed."""
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
