"""Why a command never started: the words sudo and login shells use, and what to do about each."""

from __future__ import annotations

from edgeboot.errors import Refused
from edgeboot.transport.ssh_target import Hop

# sudo speaks English here: the line sets LC_ALL=C before it starts sudo.
_SUDO = (
    (
        ("a password is required", "authentication is required", "a terminal is required"),
        "sudo asks {user} for a password, and edgeboot types none",
        "on the host, allow it without: echo '{user} ALL=(ALL) NOPASSWD:ALL' | "
        "sudo tee /etc/sudoers.d/edgeboot; or log in as root",
    ),
    (
        ("must have a tty",),
        "sudo on it wants a terminal (requiretty)",
        "on the host, add `Defaults:{user} !requiretty` with visudo; or log in as root",
    ),
    (
        ("sudo: not found", "sudo: command not found"),
        "{user} is not root, and there is no sudo on it",
        "install sudo there and allow {user} to use it without a password, or log in as root",
    ),
    (
        ("not in the sudoers file", "may not run sudo", "is not allowed to execute"),
        "{user} may not become root with sudo",
        "on the host, add {user} to the sudoers without a password, or log in as root",
    ),
)


def not_started(hop: Hop, stderr: bytes, exit_code: int) -> Refused:
    """The error for a command whose marker was never printed."""
    said = stderr.decode("utf-8", "replace").strip()
    for words, what, hint in _SUDO:
        if any(word in said for word in words):
            return Refused(
                what.format(user=hop.user),
                where=hop.where,
                hint=hint.format(user=hop.user),
                error_id="no-root",
            )
    last = said.splitlines()[-1] if said else "nothing"
    return Refused(
        error_id="no-shell",
        what=f"it ran no command: its login shell ended with {exit_code} and said {last!r}",
        where=hop.where,
        hint=f"`ssh {hop.user}@{hop.host} true` has to work, with a shell and no forced command",
    )
