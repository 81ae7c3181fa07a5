"""One command on one channel: feeding its standard input while both outputs are drained."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable

import paramiko

from edgeboot.errors import EdgebootError, StepFailed
from edgeboot.transport.base import Result
from edgeboot.transport.ssh.quoting import Frame

_READ = 1 << 18
_SLICE = 32704  # what a 32 KiB packet carries; more would be copied once a packet


class _Bell(threading.Event):
    """Set when either output has data, or ended.

    Not ``Channel.fileno()``: paramiko may write to that descriptor after it was closed, which
    kills the connection, or worse, writes into whatever file got its number.
    """

    def clear(self) -> None:
        """Nothing: paramiko clears when one output is empty, while the other may not be."""

    def silence(self) -> None:
        """For the reader, before it empties both outputs."""
        super().clear()


class Exchange:
    """Both outputs of a running command, read as they come, up to a cap."""

    def __init__(self, channel: paramiko.Channel, frame: Frame, cap: int, linger: float) -> None:
        self.channel = channel
        self._frame = frame
        self._cap = cap
        self._linger = linger
        self._out = bytearray()
        self._err = bytearray()
        self._bell = _Bell()
        channel.in_buffer.set_event(self._bell)
        channel.in_stderr_buffer.set_event(self._bell)
        self._heard = time.monotonic()

    def pump(self, wait: float) -> None:
        """Waits up to ``wait`` seconds for something to happen and takes in what was printed."""
        if self.channel.eof_received:  # the event stays set
            self.channel.status_event.wait(wait)
        else:
            self._bell.wait(wait)
        self._bell.silence()
        while self.channel.recv_ready():
            self._take(self._out, self.channel.recv(_READ))
        while self.channel.recv_stderr_ready():
            self._take(self._err, self.channel.recv_stderr(_READ))

    def _take(self, into: bytearray, data: bytes) -> None:
        into += data
        self._heard = time.monotonic()
        if len(self._out) + len(self._err) > self._cap:
            raise StepFailed(f"the command printed more than {self._cap >> 20} MiB")

    def forget(self) -> None:
        """Drops what was printed so far, so that a long-lived command never blocks on it."""
        self._out.clear()
        self._err.clear()

    @property
    def ended(self) -> bool:
        """Whether the command is over and its output complete.

        A process it left behind may keep the output open; after ``linger`` quiet seconds that is
        not waited for.
        """
        channel = self.channel
        if channel.recv_ready() or channel.recv_stderr_ready():
            return False
        if channel.closed:
            return True
        quiet = time.monotonic() - self._heard > self._linger
        return bool(channel.exit_status_ready() and (channel.eof_received or quiet))

    @property
    def stdout(self) -> bytes | None:
        """What the command itself printed; None as long as it has not started."""
        return self._frame.body(bytes(self._out))

    @property
    def stderr(self) -> bytes:
        """What the command itself printed there, or everything if it never started."""
        err = bytes(self._err)
        body = self._frame.body(err)
        return err if body is None else body

    def up_to_line(self, line: str) -> str | None:
        """What the command printed up to and with a line of its own, once it is there."""
        head, found, _ = f"\n{(self.stdout or b'').decode('utf-8', 'replace')}".partition(
            f"\n{line}\n"
        )
        return f"{head}\n{line}\n"[1:] if found else None

    def result(self) -> Result:
        """What the command printed and its exit code; -1 if a signal ended it."""
        return Result(
            self.channel.exit_status,
            (self.stdout or b"").decode("utf-8", "replace"),
            self.stderr.decode("utf-8", "replace"),
        )


class Feeder:
    """Writes chunks to a command's standard input on a thread of its own, then ends it.

    A command that ends early, or a lost connection, is noticed by the reader of the outputs; only a
    failure to read the chunks is kept, in ``failure``.
    """

    def __init__(self, channel: paramiko.Channel, chunks: Iterable[bytes]) -> None:
        self.sent = 0
        self.moved = time.monotonic()
        self.failure: EdgebootError | None = None
        self._channel = channel
        self._chunks = chunks
        self._thread = threading.Thread(target=self._feed, name="edgeboot-feed", daemon=True)
        self._thread.start()

    def join(self) -> None:
        """Waits until no more chunks are read; at once if the channel is closed."""
        self._thread.join(5.0)

    def _feed(self) -> None:
        try:
            for chunk in self._chunks:
                if not self._send(chunk):
                    return
        except EdgebootError as error:
            self.failure = error
        except OSError as error:
            self.failure = StepFailed(f"cannot read the data to send: {error}")
        if self.failure is None:
            send_eof(self._channel)

    def _send(self, chunk: bytes) -> bool:
        for start in range(0, len(chunk), _SLICE):
            rest = chunk[start : start + _SLICE]
            while rest:
                try:
                    count = self._channel.send(rest)
                except (paramiko.SSHException, OSError, EOFError):
                    return False
                if not count:
                    return False
                rest = rest[count:]
                self.sent += count
                self.moved = time.monotonic()
        return True


def send_eof(channel: paramiko.Channel) -> None:
    """Ends standard input; ignored if the command or the connection is gone."""
    try:
        channel.shutdown_write()
    except (paramiko.SSHException, OSError, EOFError):
        return
