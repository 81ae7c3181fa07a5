"""Why a command never started: the words sudo, doas and login shells use, and what to do then."""

from __future__ import annotations

from edgeboot.errors import Refused
from edgeboot.transport.ssh.target import Hop

SUDO_QUESTION = "sudo password of the hosts"


class PasswordWanted(Refused):
    """sudo asks for a password; the command has not run."""


# sudo speaks English here: the line sets LC_ALL=C before it starts sudo. A password is the first
# row: `sudo -n` says so to users it knows nothing about, too.
_REASONS: tuple[tuple[tuple[str, ...], type[Refused], str, str], ...] = (
    (
        ("a password is required", "authentication is required", "a terminal is required"),
        PasswordWanted,
        "sudo asks {user} for a password",
        "use --ask-sudo-pass (-K); or, on the host, allow it without: "
        "echo '{user} ALL=(ALL) NOPASSWD:ALL' | sudo tee /etc/sudoers.d/edgeboot",
    ),
    (
        ("must have a tty",),
        Refused,
        "its sudo requires a terminal (requiretty), which would corrupt files sent to it",
        "on the host, add `Defaults:{user} !requiretty` with visudo; or log in as root",
    ),
    (
        ("doas: Authentication required", "doas: Authorization required"),
        Refused,
        "doas asks {user} for a password, which it reads from a terminal only",
        "on the host, add `permit nopass {user}` to /etc/doas.conf; or log in as root",
    ),
    (
        ("doas: Operation not permitted", "doas: doas is not enabled"),
        Refused,
        "{user} may not become root with doas",
        "on the host, add `permit nopass {user}` to /etc/doas.conf; or log in as root",
    ),
    (
        ("sudo: not found", "sudo: command not found"),
        Refused,
        "{user} is not root, and the host has neither sudo nor doas",
        "install sudo there and allow {user} to use it, or log in as root",
    ),
    (
        ("not in the sudoers file", "may not run sudo", "is not allowed to execute"),
        Refused,
        "{user} may not become root with sudo",
        "on the host, add {user} to the sudoers, or log in as root",
    ),
)


def not_started(hop: Hop, stderr: bytes, exit_code: int) -> Refused:
    """The error for a command whose marker was never printed."""
    said = stderr.decode("utf-8", "replace").strip()
    for words, kind, what, hint in _REASONS:
        if any(word in said for word in words):
            return kind(
                what.format(user=hop.user),
                where=hop.where,
                hint=hint.format(user=hop.user),
                error_id="no-root",
            )
    last = said.splitlines()[-1] if said else "nothing"
    return Refused(
        error_id="no-shell",
        what=f"cannot run commands: the login shell exited {exit_code} and said {last!r}",
        where=hop.where,
        hint=f"`ssh {hop.user}@{hop.host} true` must work: a login shell, and no forced command",
    )


def wrong_password(stderr: bytes) -> bool:
    """Whether sudo (or sudo-rs) read a password and rejected it."""
    said = stderr.decode("utf-8", "replace").lower()
    return "incorrect" in said or "try again" in said
