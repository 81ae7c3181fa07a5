"""Asking the operator for passwords: on a terminal, unseen, never anywhere else."""

from __future__ import annotations

import sys
import termios
from contextlib import suppress
from dataclasses import dataclass

import click

from edgeboot.errors import BadInput
from edgeboot.secret import Secret
from edgeboot.transport.ssh.login.privilege import SUDO_QUESTION
from edgeboot.transport.ssh.login.secrets import Credentials

HOSTS_LOGIN = "the hosts"  # whose password --ask-pass is about


@dataclass(frozen=True)
class Asking:
    """What to ask for before connecting; anything else is asked for when a host wants it."""

    login: bool = False
    sudo: bool = False


def ask_hidden(question: str) -> Secret | None:
    """The answer to a question, or None without a terminal or without an answer."""
    if not sys.stdin.isatty():
        return None
    answer = click.prompt(question, hide_input=True, default="", show_default=False, err=True)
    return Secret(answer.encode("utf-8", "surrogateescape")) if answer else None


def credentials_for(asking: Asking) -> Credentials:
    """Credentials of a run; ``BadInput`` where one was asked for and nobody is there to answer."""
    credentials = Credentials(ask_hidden)
    wanted = (
        (asking.login, f"Password of {HOSTS_LOGIN}", "--ask-pass"),
        (asking.sudo, SUDO_QUESTION, "--ask-sudo-pass"),
    )
    for asked, question, option in wanted:
        if asked and credentials.password(question).ask() is None:
            raise BadInput(
                f"{option}: no password was given",
                hint="run it on a terminal; elsewhere use keys, and sudo without a password",
            )
    return credentials


def show_typing() -> None:
    """Makes the terminal echo again, where a question was cut short."""
    with suppress(termios.error, ValueError, OSError):
        settings = termios.tcgetattr(sys.stdin)
        settings[3] |= termios.ECHO
        termios.tcsetattr(sys.stdin, termios.TCSADRAIN, settings)
