"""A command that runs as long as it gets a heartbeat: the operator's lock on a host."""

from __future__ import annotations

import threading

import paramiko

from edgeboot.transport.ssh.streams import Exchange, send_eof
from edgeboot.transport.ssh.watchdog import Watchdog

_BEAT = b"."
_FAREWELL = 3.0  # seconds the command has for ending after its heartbeat did


class Heartbeat:
    """Sends a byte every ``interval`` seconds until it is stopped or the command is gone."""

    def __init__(self, exchange: Exchange, interval: float) -> None:
        self._exchange = exchange
        self._interval = interval
        self._stop = threading.Event()
        self._discard = False
        threading.Thread(target=self._beat, name="edgeboot-heartbeat", daemon=True).start()

    def take_over_reading(self) -> None:
        """From now on what the command prints is dropped with every beat."""
        self._discard = True

    def stop(self) -> None:
        """No further beat."""
        self._stop.set()

    def _beat(self) -> None:
        while not self._stop.wait(self._interval):
            try:
                self._exchange.channel.sendall(_BEAT)
                if self._discard:
                    self._exchange.pump(0)
                    self._exchange.forget()
            except (paramiko.SSHException, OSError, EOFError):
                return


class SshHeld:
    """The ``Held`` of an SSH transport."""

    def __init__(
        self, exchange: Exchange, heartbeat: Heartbeat, watchdog: Watchdog, output: str
    ) -> None:
        self._exchange = exchange
        self._heartbeat = heartbeat
        self._watchdog = watchdog
        self._output = output
        heartbeat.take_over_reading()

    @property
    def output(self) -> str:
        """What the command had printed up to its ready line."""
        return self._output

    @property
    def alive(self) -> bool:
        """Whether it still runs, as far as is known."""
        channel = self._exchange.channel
        gone = channel.closed or channel.eof_received or channel.exit_status_ready()
        return not gone and channel.get_transport().is_active()

    def release(self) -> None:
        """Ends the heartbeat and waits a moment for the command to end; never raises."""
        self._heartbeat.stop()
        channel = self._exchange.channel
        with self._watchdog.bound(_FAREWELL + 2, "did not close a command's channel"):
            send_eof(channel)
            channel.status_event.wait(_FAREWELL)
            close(channel)


def close(channel: paramiko.Channel) -> None:
    """Closes a channel of a connection that may be gone."""
    try:
        channel.close()
    except (paramiko.SSHException, OSError, EOFError):
        return
