"""The Transport over SSH, one connection a host: ``connect(target, HostKeys(), Limits())``.

None of Fabric's or paramiko's exceptions gets out.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import wraps
from typing import Concatenate, ParamSpec, TypeVar

from edgeboot.blob import BytesSource, Source
from edgeboot.errors import Interrupted, Unreachable
from edgeboot.secret import Secret
from edgeboot.transport.base import Channel, Command, Held, NoChannel, Progress, Result, Snippet
from edgeboot.transport.ssh import forward
from edgeboot.transport.ssh.algorithms import WatchedTransport
from edgeboot.transport.ssh.cancellation import Cancellation
from edgeboot.transport.ssh.chain import Approach, close_chain, open_chain
from edgeboot.transport.ssh.client_config.readers import reader
from edgeboot.transport.ssh.client_config.resolve import resolve
from edgeboot.transport.ssh.client_config.settings import Reader
from edgeboot.transport.ssh.errors import door
from edgeboot.transport.ssh.held import Heartbeat, SshHeld, close
from edgeboot.transport.ssh.host_keys.policy import HostKeys
from edgeboot.transport.ssh.login.privilege import PasswordWanted, not_started
from edgeboot.transport.ssh.login.secrets import Credentials
from edgeboot.transport.ssh.login.sudo import Sudo
from edgeboot.transport.ssh.quoting import Frame, name_of
from edgeboot.transport.ssh.streams import Exchange, Feeder, send_eof
from edgeboot.transport.ssh.target import Hop, Limits, SshTarget
from edgeboot.transport.ssh.watchdog import Watchdog

DEFAULT_LIMITS = Limits()
_TICK = 0.2
_GRACE = 2.0  # after a deadline, for ending one command without ending the connection


P = ParamSpec("P")
R = TypeVar("R")


def connect(
    target: SshTarget,
    keys: HostKeys,
    limits: Limits = DEFAULT_LIMITS,
    *,
    configuration: Reader | None = None,
    credentials: Credentials | None = None,
    cancellation: Cancellation | None = None,
) -> SshTransport:
    """Connects and logs in, through jump hosts if there are any.

    Raises ``Unreachable``, ``Refused`` for a host key that is unknown or has changed, and
    ``BadInput`` for a key or an SSH configuration that cannot be used. Without ``credentials``
    the operator is asked for nothing. ``configuration`` is the SSH configuration, which remembers
    what it was asked; without it, the operator's own is read. ``cancellation`` ends connecting and
    reconnecting with ``Interrupted``.
    """
    hop = resolve(target, configuration or reader())
    approach = Approach(keys, limits, credentials or Credentials(), cancellation or Cancellation())
    return SshTransport(hop, approach)


def _with_sudo(
    verb: Callable[Concatenate[SshTransport, P], R],
) -> Callable[Concatenate[SshTransport, P], R]:
    """Tries without a password first; if sudo asks for one, proves it, and tries once more."""

    @wraps(verb)
    def carried_out(self: SshTransport, /, *args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return verb(self, *args, **kwargs)
        except PasswordWanted as wanted:
            self.prove_password(wanted)
            return verb(self, *args, **kwargs)

    return carried_out


class SshTransport:
    """One host over one connection; made by ``connect``."""

    def __init__(self, hop: Hop, approach: Approach) -> None:
        self._sudo = Sudo(hop, approach.limits, approach.credentials)
        self._hop = hop
        self._approach = approach
        self._limits = approach.limits
        self._closed = False
        self._connect()

    def _connect(self) -> None:
        self._chain = chain = open_chain(self._hop, self._approach)
        transport = chain[-1].transport
        assert isinstance(transport, WatchedTransport)  # noqa: S101 - open_chain made it
        self._transport = transport
        self._watchdog = Watchdog(transport, self._limits.silence, lambda: close_chain(chain))

    @property
    def node(self) -> str:
        """Name of the node in the inventory."""
        return self._hop.node

    @_with_sudo
    def run(
        self, command: Command, *, stdin: bytes | Secret | None = None, deadline: float
    ) -> Result:
        """Runs a command as root; see ``Transport.run``.

        After the deadline the connection stays usable; a command that reads and writes nothing
        may keep running on the host.
        """
        data = stdin.value if isinstance(stdin, Secret) else stdin
        late = f"{name_of(command)} did not answer within {deadline:g} s"
        until = time.monotonic() + deadline
        with self._bound(deadline + _GRACE, late), self._running(command, deadline) as exchange:
            if data:
                Feeder(exchange.channel, BytesSource(data).open())
            else:
                send_eof(exchange.channel)
            while not exchange.ended:
                if time.monotonic() > until:
                    raise self._unreachable(late)
                exchange.pump(min(_TICK, deadline))
            return self._result(exchange, command)

    @_with_sudo
    def put(self, source: Source, command: Snippet, *, progress: Progress, stall: float) -> Result:
        """Runs a snippet as root with a source on its standard input; see ``Transport.put``."""
        with self._door():
            with self._running(command, stall) as exchange:
                feeder = Feeder(exchange.channel, source.open())
                self._follow(exchange, feeder, command, progress, stall)
            feeder.join()
            progress(feeder.sent)
            return self._result(exchange, command)

    def _follow(
        self, exchange: Exchange, feeder: Feeder, command: Command, progress: Progress, stall: float
    ) -> None:
        told = 0
        while not exchange.ended:
            exchange.pump(_TICK)
            if feeder.failure:
                raise feeder.failure
            if feeder.sent != told:
                told = feeder.sent
                progress(told)
            if time.monotonic() - feeder.moved > stall:
                raise self._unreachable(f"{name_of(command)} made no progress for {stall:g} s")

    @_with_sudo
    def hold(self, command: Snippet, *, ready: str, deadline: float) -> Held | Result:
        """Starts a snippet as root that stays while it is fed; see ``Transport.hold``."""
        late = f"{command.name} was not ready within {deadline:g} s"
        until = time.monotonic() + deadline
        with self._bound(deadline + _GRACE, late):
            exchange = self._start(command, deadline)
            heartbeat = Heartbeat(exchange, self._limits.heartbeat)
            try:
                while (output := exchange.up_to_line(ready)) is None and not exchange.ended:
                    if time.monotonic() > until:
                        raise self._unreachable(late)
                    exchange.pump(min(_TICK, deadline))
                if output is not None:
                    return SshHeld(exchange, heartbeat, self._watchdog, output)
                result = self._result(exchange, command)
            except BaseException:
                heartbeat.stop()
                close(exchange.channel)
                raise
            heartbeat.stop()
            close(exchange.channel)
            return result

    def open_channel(self, host: str, port: int, *, deadline: float) -> Channel | NoChannel:
        """Lets the host connect to a TCP port; see ``Transport.open_channel``."""
        where = self._hop.where
        with self._bound(deadline + _GRACE, "did not open a channel in time"):
            return forward.open_channel(
                self._transport, (host, port), self._watchdog, where, deadline
            )

    def reconnect(self) -> None:
        """Reconnects, in one attempt; see ``Transport.reconnect``."""
        if self._closed:
            raise Interrupted("the connection was closed", where=self._hop.where)
        self._watchdog.stop()
        close_chain(self._chain)
        self._connect()
        if self._closed:  # by a signal while we were connecting
            self.close()

    def close(self) -> None:
        """Ends the connection; never raises, may be called again."""
        self._closed = True
        self._watchdog.stop()
        close_chain(self._chain)

    @contextmanager
    def _running(self, command: Command, within: float) -> Iterator[Exchange]:
        exchange = self._start(command, within)
        try:
            yield exchange
        finally:
            with self._watchdog.bound(_GRACE, "did not close a command's channel"):
                close(exchange.channel)

    def _start(self, command: Command, within: float) -> Exchange:
        frame = Frame(command, typed=self._sudo.password is not None)
        patience = min(within, self._limits.channel)
        exchange = self._open(frame, patience)
        self._sudo.type_into(exchange, frame, patience)
        return exchange

    def _open(self, frame: Frame, patience: float) -> Exchange:
        with self._watchdog.bound(patience + _GRACE, "did not start a command in time"):
            channel = self._transport.open_session(timeout=patience)
            channel.exec_command(frame.line)
        return Exchange(channel, frame, self._limits.output, self._limits.linger)

    def prove_password(self, wanted: PasswordWanted) -> None:
        """Asks for sudo's password and tries it once; ``Refused`` if that does not help."""
        with self._door():  # no bound: a person may be typing
            self._sudo.prove(wanted, self._open)

    def _result(self, exchange: Exchange, command: Command) -> Result:
        channel = exchange.channel
        if not self._transport.is_active() and not channel.eof_received:
            why = self._watchdog.reason or f"the connection was lost while {name_of(command)} ran"
            raise self._unreachable(why)
        if exchange.stdout is None:
            raise not_started(self._hop, exchange.stderr, channel.exit_status)
        return exchange.result()

    @contextmanager
    def _bound(self, seconds: float, reason: str) -> Iterator[None]:
        with self._door(), self._watchdog.bound(seconds, reason):
            yield

    def _door(self) -> AbstractContextManager[None]:
        return door(self._hop.where, lambda: self._watchdog.reason)

    def _unreachable(self, what: str) -> Unreachable:
        through = f", reached through {self._hop.via.host}," if self._hop.via else ""
        return Unreachable(
            f"it{through} does not answer: {what}",
            where=self._hop.where,
            hint="check the host and the network, then rerun the command",
        )
