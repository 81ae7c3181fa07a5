"""Streams to TCP ports through an SSH connection (``direct-tcpip`` channels)."""

from __future__ import annotations

import paramiko

from edgeboot.errors import Unreachable
from edgeboot.transport.base import Channel, NoChannel
from edgeboot.transport.ssh.held import close
from edgeboot.transport.ssh.watchdog import Watchdog

_READ = 1 << 16
_GRACE = 2.0
# RFC 4254, 5.1. A server built without forwarding does not know the channel's type.
_PROHIBITED, _UNKNOWN_TYPE = 1, 3


def open_channel(
    transport: paramiko.Transport,
    address: tuple[str, int],
    watchdog: Watchdog,
    where: str,
    deadline: float,
) -> Channel | NoChannel:
    """A stream to an address as the host sees it, or why there is none."""
    try:
        channel = transport.open_channel(
            "direct-tcpip", address, ("127.0.0.1", 0), timeout=deadline
        )
    except paramiko.ChannelException as error:
        return NoChannel(error.text, forbidden=error.code in {_PROHIBITED, _UNKNOWN_TYPE})
    except paramiko.SSHException:
        if not transport.is_active():
            raise
        return NoChannel(f"no answer within {deadline:g} s")
    return SshChannel(channel, watchdog, where)


class SshChannel:
    """The ``Channel`` of an SSH transport."""

    def __init__(self, channel: paramiko.Channel, watchdog: Watchdog, where: str) -> None:
        self._channel = channel
        self._watchdog = watchdog
        self._where = where

    def send(self, data: bytes, *, within: float) -> None:
        """Sends all of ``data``; see ``Channel.send``."""
        # paramiko's timeout covers waiting for the peer's window, not a connection that is stuck.
        with self._watchdog.bound(within + _GRACE, "took no more data"):
            self._channel.settimeout(within)
            try:
                self._channel.sendall(data)
            except TimeoutError:
                raise
            except (paramiko.SSHException, OSError, EOFError) as error:
                self._check()
                raise BrokenPipeError("the other end has closed the connection") from error

    def receive(self, *, within: float) -> bytes:
        """Some bytes; see ``Channel.receive``."""
        self._channel.settimeout(within)
        try:
            data = self._channel.recv(_READ)
        except TimeoutError:
            raise
        except (paramiko.SSHException, OSError, EOFError) as error:
            self._check()
            raise ConnectionResetError("the other end has closed the connection") from error
        if not data:
            self._check()
        return data

    def close(self) -> None:
        """Ends the stream."""
        with self._watchdog.bound(_GRACE, "did not close a channel"):
            close(self._channel)

    def _check(self) -> None:
        """``Unreachable`` if the connection to the host ended."""
        if not self._channel.get_transport().is_active():
            raise Unreachable(
                self._watchdog.reason or "the connection was lost",
                where=self._where,
                hint="check the host and the network, then rerun the command",
            )
