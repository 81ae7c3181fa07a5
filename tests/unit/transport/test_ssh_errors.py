"""Every exception the libraries can raise has a place in the table at the door."""

from __future__ import annotations

import inspect
import socket

import fabric.exceptions
import invoke.exceptions
import paramiko
import paramiko.auth_strategy
import paramiko.hostkeys
import paramiko.packet
import paramiko.pkey
import paramiko.sftp
import paramiko.ssh_exception
import pytest

from edgeboot.errors import EdgebootError, Refused, Unreachable
from edgeboot.transport.ssh.errors import TABLE, door, translated

_MODULES = (
    fabric.exceptions,
    invoke.exceptions,
    paramiko,
    paramiko.auth_strategy,
    paramiko.hostkeys,
    paramiko.packet,
    paramiko.pkey,
    paramiko.sftp,
    paramiko.ssh_exception,
)


def _descendants(kind: type[BaseException]) -> set[type[BaseException]]:
    below = {d for child in kind.__subclasses__() for d in _descendants(child)}
    return {kind} | below


def _foreign() -> list[type[BaseException]]:
    found = _descendants(paramiko.SSHException)
    for module in _MODULES:
        for _name, kind in inspect.getmembers(module, inspect.isclass):
            if issubclass(kind, Exception) and kind.__module__.split(".")[0] in {
                "fabric",
                "invoke",
                "paramiko",
            }:
                found.add(kind)
    network = {socket.gaierror, TimeoutError, ConnectionRefusedError, ConnectionResetError}
    return sorted(found | network | {EOFError, OSError, BrokenPipeError}, key=lambda k: k.__name__)


@pytest.mark.parametrize("kind", _foreign(), ids=lambda k: k.__name__)
def test_every_foreign_exception_has_a_row_of_its_own(kind: type[BaseException]) -> None:
    assert kind in TABLE


@pytest.mark.parametrize("kind", _foreign(), ids=lambda k: k.__name__)
def test_every_foreign_exception_leaves_as_ours(kind: type[BaseException]) -> None:
    # Whatever its constructor wants: only its class and its text matter here.
    bare = {"__init__": lambda _self: None, "__str__": lambda _self: "what it says"}
    error = type("Raised", (kind,), bare)()
    with pytest.raises(EdgebootError) as caught, door("node-1"):
        raise error
    assert caught.value.where == "node-1"
    assert caught.value.hint


def test_ours_pass_through_unchanged() -> None:
    ours = Refused("no")
    with pytest.raises(Refused) as caught, door("node-1"):
        raise ours
    assert caught.value is ours


def test_what_we_ended_ourselves_is_told_as_such() -> None:
    with pytest.raises(Unreachable, match="silent"), door("node-1", lambda: "was silent"):
        raise EOFError


def test_the_closest_ancestor_decides() -> None:
    class Odd(ConnectionRefusedError):
        pass

    assert "refused" in str(translated(Odd(), "node-1"))
