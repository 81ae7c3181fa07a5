"""Asks the operator for passwords, on a terminal only, without echo."""

from __future__ import annotations

import sys
from dataclasses import dataclass

import click

from edgeboot.cli.terminal.hidden import read_line
from edgeboot.errors import BadInput
from edgeboot.secret import Secret
from edgeboot.transport.ssh.cancellation import Cancellation
from edgeboot.transport.ssh.login.privilege import SUDO_QUESTION
from edgeboot.transport.ssh.login.secrets import Credentials

ATTEMPTS = 3  # empty answers to one question
HOSTS_LOGIN = "the hosts"  # whose password --ask-pass is about


@dataclass(frozen=True)
class Asking:
    """What to ask for before connecting; the rest is asked for when a host requires it."""

    login: bool = False
    sudo: bool = False


def credentials_for(asking: Asking, cancellation: Cancellation) -> Credentials:
    """Credentials of a run, asked for on the terminal.

    ``BadInput`` if one is required and no answer was given; ``Interrupted`` if
    ``cancellation`` ends the wait for an answer.
    """

    def ask(question: str) -> Secret | None:
        if not sys.stdin.isatty():
            return None
        for _ in range(ATTEMPTS):
            answer = read_line(question, cancellation.check, hidden=True)
            if answer is None:
                return None
            if answer:
                return Secret(answer)
            click.echo("nothing was typed", err=True)
        return None

    credentials = Credentials(ask)
    wanted = (
        (asking.login, f"Password of {HOSTS_LOGIN}", "--ask-pass"),
        (asking.sudo, SUDO_QUESTION, "--ask-sudo-pass"),
    )
    for asked, question, option in wanted:
        if asked and credentials.password(question).ask() is None:
            raise BadInput(
                f"{option}: no password entered",
                hint="run it on a terminal, or use SSH keys and sudo without a password",
            )
    return credentials
