"""Translates every exception of Fabric, Invoke and paramiko; a test fails on an unmapped one.

The table is looked up along the exception's ancestry, the most specific class first.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import fabric.exceptions
import invoke.exceptions
import paramiko
from paramiko.auth_strategy import AuthFailure
from paramiko.hostkeys import InvalidHostKey
from paramiko.packet import NeedRekeyException
from paramiko.pkey import UnknownKeyType
from paramiko.ssh_exception import (
    IncompatiblePeer,
    MessageOrderError,
    PartialAuthentication,
    UnableToAuthenticate,
)

from edgeboot.errors import BadInput, EdgebootError, Refused, StepFailed, Unreachable


def _lost(error: BaseException) -> str:
    return f"the connection was lost ({error or type(error).__name__})"


def _os_error(error: BaseException) -> str:
    return f"the connection failed: {getattr(error, 'strerror', None) or error}"


_CHECK = "check the network and the address, and that its SSH server is running"
_UPDATE = "its SSH server is too old or too new for edgeboot; update it"
_LOGIN = "install your key with ssh-copy-id, or use --ask-pass"
_BUG = "this is a bug in edgeboot; please report it"

_Row = tuple[type[EdgebootError], Callable[[BaseException], str], str]


def _says(text: str) -> Callable[[BaseException], str]:
    return lambda error: f"{text}: {error}"


TABLE: dict[type[BaseException], _Row] = {
    socket.gaierror: (Unreachable, lambda _: "cannot resolve its name", "check the address"),
    socket.herror: (Unreachable, lambda _: "cannot resolve its name", "check the address"),
    TimeoutError: (Unreachable, lambda _: "no answer in time", _CHECK),
    ConnectionRefusedError: (Unreachable, lambda _: "connection refused", _CHECK),
    ConnectionResetError: (Unreachable, _lost, _CHECK),
    BrokenPipeError: (Unreachable, _lost, _CHECK),
    OSError: (Unreachable, _os_error, _CHECK),
    EOFError: (Unreachable, lambda _: "the connection was lost", _CHECK),
    paramiko.SSHException: (Unreachable, _says("SSH failed"), _CHECK),
    paramiko.AuthenticationException: (Unreachable, _says("login failed"), _LOGIN),
    paramiko.BadAuthenticationType: (Unreachable, _says("login failed"), _LOGIN),
    paramiko.PasswordRequiredException: (Unreachable, _says("login failed"), "use ssh-add"),
    PartialAuthentication: (Unreachable, _says("login failed"), _LOGIN),
    UnableToAuthenticate: (Unreachable, _says("login failed"), _LOGIN),
    AuthFailure: (Unreachable, _says("login failed"), _LOGIN),
    paramiko.ChannelException: (Unreachable, _says("cannot open a channel"), _CHECK),
    paramiko.BadHostKeyException: (Refused, _says("wrong host key"), "find out why it changed"),
    IncompatiblePeer: (Unreachable, _says("no common algorithm"), _UPDATE),
    MessageOrderError: (Unreachable, _says("protocol error"), _UPDATE),
    NeedRekeyException: (Unreachable, _lost, _CHECK),
    paramiko.ProxyCommandFailure: (Unreachable, _says("proxy failed"), _CHECK),
    paramiko.ssh_exception.NoValidConnectionsError: (Unreachable, _os_error, _CHECK),
    paramiko.ssh_exception.CouldNotCanonicalize: (
        BadInput,
        _says("invalid host name"),
        "check the name",
    ),
    paramiko.ConfigParseError: (BadInput, _says("invalid SSH configuration"), "fix ~/.ssh/config"),
    InvalidHostKey: (BadInput, _says("invalid host key"), "fix known_hosts"),
    UnknownKeyType: (BadInput, _says("invalid key"), "use an Ed25519 key"),
    paramiko.SFTPError: (StepFailed, _says("SFTP failed"), _BUG),
    fabric.exceptions.NothingToDo: (StepFailed, _says("Fabric"), _BUG),
    fabric.exceptions.GroupException: (StepFailed, _says("Fabric"), _BUG),
    fabric.exceptions.InvalidV1Env: (StepFailed, _says("Fabric"), _BUG),
    **{
        kind: (StepFailed, _says("Invoke"), _BUG)
        for kind in vars(invoke.exceptions).values()
        if isinstance(kind, type)
        and kind.__module__ == invoke.exceptions.__name__
        and issubclass(kind, BaseException)
    },
}

_FOREIGN = tuple(TABLE)


def translated(error: BaseException, where: str) -> EdgebootError:
    """Our error for a foreign one."""
    kind, what, hint = next(TABLE[c] for c in type(error).__mro__ if c in TABLE)
    return kind(what(error), where=where, hint=hint)


@contextmanager
def door(where: str, ended: Callable[[], str | None] = lambda: None) -> Iterator[None]:
    """Translates foreign exceptions; ``ended`` says why we ended the connection, if we did."""
    try:
        yield
    except EdgebootError as error:
        error.where = error.where or where
        raise
    except _FOREIGN as error:
        if reason := ended():
            raise Unreachable(reason, where=where, hint=_CHECK) from error
        raise translated(error, where) from error
