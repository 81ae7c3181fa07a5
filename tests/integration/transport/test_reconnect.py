"""A connection opened anew: after the peer went away, with the same host key or another."""

from __future__ import annotations

import pytest

from edgeboot.errors import Interrupted, Refused, Unreachable
from edgeboot.transport.base import Argv
from tests.integration.transport.sshd import Lab

pytestmark = pytest.mark.integration

HELLO = Argv(("echo", "hello"))


def test_a_peer_that_comes_back_is_used_again(lab: Lab) -> None:
    server = lab.sshd()
    transport = lab.connect(lab.target(server))
    server.stop()
    with pytest.raises(Unreachable):
        transport.run(HELLO, deadline=5)
    with pytest.raises(Unreachable):
        transport.reconnect()
    server.start()
    transport.reconnect()
    assert transport.run(HELLO, deadline=5).stdout == "hello\n"


def test_a_live_connection_may_be_opened_anew(lab: Lab) -> None:
    transport = lab.connect(lab.target(lab.sshd()))
    transport.reconnect()
    assert transport.run(HELLO, deadline=5).stdout == "hello\n"


def test_another_host_in_its_place_is_refused(lab: Lab) -> None:
    server = lab.sshd()
    transport = lab.connect(lab.target(server))
    server.stop()
    imposter = lab.sshd(start=False)
    imposter.port = server.port
    imposter.start()
    with pytest.raises(Refused, match="host key"):
        transport.reconnect()


def test_a_closed_connection_stays_closed(lab: Lab) -> None:
    transport = lab.connect(lab.target(lab.sshd()))
    transport.close()
    with pytest.raises(Interrupted):
        transport.reconnect()
