"""Connects through a chain of jump hosts: sockets, retries, host keys, login.

Fabric's Connection does the work. By itself Fabric trusts every host key, on gateways too, and
reads its own configuration files, so it gets our policy, sockets and login, and no files.
"""

from __future__ import annotations

import logging
import random
import socket
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any

import fabric
import paramiko

from edgeboot.errors import Unreachable
from edgeboot.transport.ssh.algorithms import WatchedTransport
from edgeboot.transport.ssh.cancellation import Cancellation
from edgeboot.transport.ssh.errors import door
from edgeboot.transport.ssh.host_keys.policy import HostKeys
from edgeboot.transport.ssh.login.auth import HungUp, Login
from edgeboot.transport.ssh.login.secrets import Credentials
from edgeboot.transport.ssh.target import Hop, Limits

# paramiko logs tracebacks of failures we report; without a handler Python prints them to stderr.
logging.getLogger("paramiko").addHandler(logging.NullHandler())

_TCP_USER_TIMEOUT = getattr(socket, "TCP_USER_TIMEOUT", None)  # Linux only
_TCP_NOTSENT_LOWAT = getattr(socket, "TCP_NOTSENT_LOWAT", None)
_FAMILIES = {"any": socket.AF_UNSPEC, "inet": socket.AF_INET, "inet6": socket.AF_INET6}
_UNSENT = 128 << 10  # bytes; the kernel's own buffer takes megabytes


class _Policy(paramiko.MissingHostKeyPolicy):
    """Asked for every key, since the client itself is given none to know; raises ``Refused``."""

    def __init__(self, hop: Hop, keys: HostKeys) -> None:
        self._hop = hop
        self._keys = keys

    def missing_host_key(
        self, _client: paramiko.SSHClient, _hostname: str, key: paramiko.PKey
    ) -> None:
        """Called after the key exchange and before any login."""
        self._keys.check(self._hop, key.get_name(), key.asbytes())


@dataclass(frozen=True)
class Approach:
    """What all hops of a chain are connected to with."""

    keys: HostKeys
    limits: Limits
    credentials: Credentials
    cancellation: Cancellation


def open_chain(hop: Hop, approach: Approach) -> list[fabric.Connection]:
    """Open connections to all hops, the first one first; on failure none is left open."""
    opened: list[fabric.Connection] = []
    try:
        for one in hop.chain:
            opened.append(_open(one, opened[-1] if opened else None, approach))
    except BaseException:
        close_chain(opened)
        raise
    return opened


def close_chain(chain: Iterable[fabric.Connection]) -> None:
    """Closes all hops, the first one first: an inner one's farewell could block on a dead peer."""
    for connection in chain:
        with suppress(paramiko.SSHException, OSError, EOFError):
            connection.client.close()


def _open(hop: Hop, gateway: fabric.Connection | None, approach: Approach) -> fabric.Connection:
    """Connects to one hop; retries if the server hung up before its banner."""
    limits, cancellation = approach.limits, approach.cancellation
    for attempt in range(limits.retries + 1):
        connection = _connection(hop, gateway, approach)
        started = time.monotonic()
        try:
            with door(hop.where):
                if gateway:
                    with cancellation.cutting(gateway.client.close):
                        connection.open()
                else:
                    sock = connection.connect_kwargs["sock"] = _socket(hop, limits, cancellation)
                    with cancellation.cutting(partial(_cut, sock)):
                        connection.open()
        except HungUp:
            connection.client.close()
            if attempt == limits.retries:
                raise
        except Unreachable as error:
            connection.client.close()
            quick = time.monotonic() - started < limits.banner
            if not (quick and _turned_away(error.__cause__)) or attempt == limits.retries:
                raise _with_advice(error, gateway) from error.__cause__
            pause = limits.retry_pause * 2**attempt * random.uniform(0.5, 1.5)  # noqa: S311
            cancellation.pause(pause)
        except BaseException:
            connection.client.close()
            raise
        else:
            return connection
    raise AssertionError("the last attempt returns or raises")


def _connection(
    hop: Hop, gateway: fabric.Connection | None, approach: Approach
) -> fabric.Connection:
    limits = approach.limits
    algorithms = approach.keys.algorithms(hop)

    def transport(
        sock: Any, disabled_algorithms: Mapping[str, Iterable[str]] | None = None
    ) -> WatchedTransport:
        return WatchedTransport(sock, algorithms, disabled_algorithms)

    connection = fabric.Connection(
        host="placeholder",
        user=hop.user,
        port=hop.port,
        gateway=gateway or False,  # None would make Fabric look for one itself
        forward_agent=False,
        config=fabric.Config(lazy=True, ssh_config=paramiko.SSHConfig()),
        connect_kwargs={
            "timeout": hop.connect_timeout or limits.connect,
            "banner_timeout": limits.banner,
            "auth_timeout": limits.auth,
            "channel_timeout": limits.channel,
            "transport_factory": transport,
            "auth_strategy": Login(hop, approach.credentials),
        },
    )
    connection.host = hop.host  # not through the constructor: it would take an IPv6 address apart
    connection.client.set_missing_host_key_policy(_Policy(hop, approach.keys))
    return connection


def _socket(hop: Hop, limits: Limits, cancellation: Cancellation) -> socket.socket:
    """A TCP connection that sends at once and notices a dead network."""
    sock = _dialled(hop, hop.connect_timeout or limits.connect, cancellation)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    if _TCP_USER_TIMEOUT is not None:
        sock.setsockopt(socket.IPPROTO_TCP, _TCP_USER_TIMEOUT, int(limits.silence * 1000))
    if _TCP_NOTSENT_LOWAT is not None:
        # What waits here counts as sent, and signs of life wait behind it: on a slow link that
        # would make progress a lie and a live host look dead.
        sock.setsockopt(socket.IPPROTO_TCP, _TCP_NOTSENT_LOWAT, _UNSENT)
    return sock


def _dialled(hop: Hop, seconds: float, cancellation: Cancellation) -> socket.socket:
    """``socket.create_connection``, which nothing could cut: to the first address that answers."""
    failure: OSError = socket.gaierror("no address")
    for family, kind, protocol, _, address in socket.getaddrinfo(
        hop.host, hop.port, _FAMILIES[hop.address_family], socket.SOCK_STREAM
    ):
        sock = socket.socket(family, kind, protocol)
        sock.settimeout(seconds)
        try:
            with cancellation.cutting(partial(_cut, sock)):
                sock.connect(address)
        except OSError as error:
            sock.close()
            failure = error
        except BaseException:
            sock.close()
            raise
        else:
            return sock
    raise failure


def _cut(sock: socket.socket) -> None:
    """Wakes threads that connect through this socket or read from it; closing would not."""
    with suppress(OSError):
        sock.shutdown(socket.SHUT_RDWR)


def _turned_away(error: BaseException | None) -> bool:
    """Whether sshd hung up before its banner, as it does with too many at once (MaxStartups)."""
    if isinstance(error, (EOFError, ConnectionResetError, BrokenPipeError)):
        return True
    return isinstance(error, paramiko.SSHException) and "protocol banner" in str(error)


def _with_advice(error: Unreachable, gateway: fabric.Connection | None) -> Unreachable:
    cause = error.__cause__
    if _turned_away(cause):
        error.what = "its SSH server closed the connection, or sent nothing, before its banner"
        error.hint = "it may still be starting, or overloaded (MaxStartups): try again"
    elif gateway and isinstance(cause, paramiko.ChannelException):
        error.what = f"its jump host {gateway.host} cannot connect to it ({cause.text})"
    return error
