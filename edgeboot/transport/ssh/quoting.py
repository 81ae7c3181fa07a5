"""Commands to one line that dash, bash, BusyBox sh and fish all read alike; and how it is framed.

sshd hands the line to the user's login shell, whatever that is. The line starts /bin/sh, becomes
root by ``sudo -n``, or ``doas -n`` where there is only that, unless it is root already, sets a
known environment, prints a marker on both streams and only then runs the command: what came before
the marker is noise of start-up files.
No round trip is spent on asking how to become root.

Where sudo wants a password (``typed``) it is the first line of standard input. sudo does not read
it where it remembers us, so the command begins to read only after a line that nobody can guess:
whatever stands before that line is no input of the command's. That line is sent once the marker has
come, so that sudo can never take it for a second attempt at the password.
"""

from __future__ import annotations

import re
import secrets

from edgeboot import shell
from edgeboot.errors import StepFailed
from edgeboot.transport.base import Argv, Command

# Linux hands a program at most 32 pages in one argument, and the line is one to the login shell.
MAX_LINE = (128 << 10) - 1

_ENVIRONMENT = """\
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
LC_ALL=C
export PATH LC_ALL
"""

# /dev/null is not written to: where a user may not, sudo would seem to be missing.
# Parameters: the inner script, the line before its input or "", and what the inner script gets.
_BECOME_ROOT = (
    _ENVIRONMENT
    + """\
inner=$1 go=$2
if [ "$(id -u)" = 0 ]; then shift; exec /bin/sh -c "$inner" edgeboot "$@"; fi
shift
if [ -z "$(command -v sudo)" ]; then
    if [ -n "$(command -v doas)" ]; then exec doas -n -- /bin/sh -c "$inner" edgeboot "$@"; fi
    echo 'sudo: not found' >&2
    exit 127
fi
if [ -n "$go" ]; then exec sudo -S -p '' -- /bin/sh -c "$inner" edgeboot "$@"; fi
exec sudo -n -- /bin/sh -c "$inner" edgeboot "$@"
"""
)

# The marker travels in two halves, so that a shell that traces its commands does not print it.
_AS_ROOT = (
    _ENVIRONMENT
    + """\
umask 022
cd /
printf '%s%s\\n' "$2" "$3"
printf '%s%s\\n' "$2" "$3" >&2
go=$1
shift 3
if [ -n "$go" ]; then while IFS= read -r line && [ "$line" != "$go" ]; do :; done; fi
unset go line
exec "$@"
"""
)


def quote(word: str) -> str:
    r"""One word for any of the shells.

    Inside single quotes fish takes ``\\`` and ``\'`` for escapes and the others do not, so
    backslashes and single quotes stand outside of them: ``a\b`` becomes ``'a'\\'b'``.
    """
    pieces = re.findall(r"[\\']|[^\\']+", word)
    return "".join(f"\\{p}" if p in {"\\", "'"} else f"'{p}'" for p in pieces) or "''"


def words_of(command: Command) -> tuple[str, ...]:
    """The argument vector of a command; a snippet becomes ``sh -c TEXT NAME PARAMETER…``."""
    if isinstance(command, Argv):
        return command.words
    return ("/bin/sh", "-c", shell.text(command.name), command.name, *command.parameters)


def name_of(command: Command) -> str:
    """How messages call a command."""
    return command.words[0] if isinstance(command, Argv) else command.name


class Frame:
    """One command's line, the marker its output begins after, and the line before its input.

    ``go`` is empty unless a password is ``typed``.
    """

    def __init__(self, command: Command, *, typed: bool = False) -> None:
        head, tail = f"edgeboot-{secrets.token_hex(8)}", secrets.token_hex(8)
        self.marker = f"{head}{tail}\n".encode()
        go = secrets.token_hex(16) if typed else ""
        self.go = f"{go}\n".encode() if typed else b""
        outer = ("/bin/sh", "-c", _BECOME_ROOT, "edgeboot", _AS_ROOT, go, head, tail)
        words = (*outer, *words_of(command))
        if any("\0" in word for word in words):
            raise StepFailed(f"{name_of(command)}: an argument contains a NUL byte")
        self.line = ("exec " + " ".join(map(quote, words))).encode("utf-8", "surrogateescape")
        if len(self.line) > MAX_LINE:
            raise StepFailed(
                f"{name_of(command)}: its command line is longer than {MAX_LINE} bytes"
            )

    def body(self, output: bytes) -> bytes | None:
        """What follows the marker; None if it was never printed."""
        _noise, marker, body = output.partition(self.marker)
        return body if marker else None
