"""sudo with a password: proved once a connection, then the first line of each command's input.

A command is first tried without one (``sudo -n``). Where sudo wants a password it is proved with
a command of no effect whose input ends after it: sudo, which would ask three times, reads nothing
that it could take for a second attempt. sudo cannot be relied on to remember us (``Defaults
timestamp_timeout=0``), so every later command brings the password along.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from edgeboot.errors import Refused, Unreachable
from edgeboot.secret import Secret
from edgeboot.transport.base import Argv
from edgeboot.transport.ssh.held import close
from edgeboot.transport.ssh.login.privilege import (
    SUDO_QUESTION,
    PasswordWanted,
    not_started,
    wrong_password,
)
from edgeboot.transport.ssh.login.secrets import Credentials
from edgeboot.transport.ssh.quoting import Frame
from edgeboot.transport.ssh.streams import Exchange, send_eof
from edgeboot.transport.ssh.target import Hop, Limits

_TICK = 0.2

Open = Callable[[Frame, float], Exchange]  # starts a frame's line within some seconds


@dataclass
class Sudo:
    """The state of sudo on one connection; ``password`` is set once the host has accepted it."""

    hop: Hop
    limits: Limits
    credentials: Credentials
    password: Secret | None = None

    def prove(self, wanted: PasswordWanted, start: Open) -> None:
        """Tries the fleet's password once; raises ``Refused`` if that does not help."""
        if self.password is not None:
            raise wanted
        shared = self.credentials.password(SUDO_QUESTION)
        reason = shared.use(self.hop.where, lambda secret: self._accepts(secret, start))
        if reason:
            what = f"{wanted.what}; {reason}"
            raise Refused(what, where=wanted.where, hint=wanted.hint) from wanted
        self.password = shared.ask()

    def _accepts(self, password: Secret, start: Open) -> bool:
        frame = Frame(Argv(("true",)), typed=True)
        exchange = start(frame, self.limits.channel)
        try:
            with suppress(OSError):  # the command's own output says why it is gone
                exchange.channel.sendall(password.value + b"\n")
            send_eof(exchange.channel)
            until = time.monotonic() + self.limits.auth
            while not exchange.ended and time.monotonic() < until:
                exchange.pump(_TICK)
        finally:
            close(exchange.channel)
        if exchange.stdout is not None:
            return True
        if wrong_password(exchange.stderr):
            return False
        raise not_started(self.hop, exchange.stderr, exchange.channel.exit_status)

    def type_into(self, exchange: Exchange, frame: Frame, patience: float) -> None:
        """Gives the password, waits until the command runs, or could not, and lets it read."""
        if self.password is None:
            return
        with suppress(OSError):
            exchange.channel.sendall(self.password.value + b"\n")
            until = time.monotonic() + patience
            while exchange.stdout is None and not exchange.ended:
                if time.monotonic() > until:
                    close(exchange.channel)
                    raise Unreachable(f"sudo did not start the command within {patience:g} s")
                exchange.pump(_TICK)
            exchange.channel.sendall(frame.go)
