"""Streams through a real sshd, and a cluster's API at the end of one."""

from __future__ import annotations

import datetime
import json
import os
import signal
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from edgeboot.errors import Unreachable
from edgeboot.kube.api import NODES, ApiError, find, read
from edgeboot.kube.connect import api_of
from edgeboot.kube.credentials import parse_credentials
from edgeboot.kube.https import HttpsApi
from edgeboot.secret import Secret
from edgeboot.transport.base import Argv, Channel, NoChannel
from tests.integration.transport.sshd import Lab
from tests.support import tls_api
from tests.support.tls_api import HOUR, Request, TlsApi, serving

pytestmark = pytest.mark.integration


def say_ok(_request: Request) -> tuple[int, bytes]:
    return 200, b"ok"


@pytest.fixture
def api(tmp_path: Path) -> Iterator[TlsApi]:
    with serving(say_ok, tmp_path) as made:
        yield made


@contextmanager
def listening(*, answers: bool = True) -> Iterator[int]:
    """A port that says everything back, or takes connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                kept.append(connection)
                while answers and (data := connection.recv(1 << 16)):
                    connection.sendall(data)

        kept: list[socket.socket] = []
        threading.Thread(target=serve, daemon=True).start()
        yield server.getsockname()[1]
        for connection in kept:
            connection.close()


def opened(found: Channel | NoChannel) -> Channel:
    assert not isinstance(found, NoChannel), found
    return found


def test_bytes_come_back_whole(lab: Lab) -> None:
    transport = lab.connect(lab.target(lab.sshd()))
    sent = os.urandom(3 << 20)
    with listening() as port:
        channel = opened(transport.open_channel("127.0.0.1", port, deadline=5))
        threading.Thread(target=lambda: channel.send(sent, within=20), daemon=True).start()
        back = b""
        while len(back) < len(sent):
            back += channel.receive(within=20)
        channel.close()
    assert back == sent


def test_a_closed_port_is_no_error_of_the_host(lab: Lab) -> None:
    transport = lab.connect(lab.target(lab.sshd()))
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        found = transport.open_channel("127.0.0.1", unused.getsockname()[1], deadline=5)
    assert found == NoChannel("Connect failed")


@pytest.mark.parametrize(
    "line", ["AllowTcpForwarding no", "DisableForwarding yes", "PermitOpen 127.0.0.1:1"]
)
def test_a_server_that_forwards_nothing_says_so(lab: Lab, line: str) -> None:
    transport = lab.connect(lab.target(lab.sshd(line)))
    with listening() as port:
        found = transport.open_channel("127.0.0.1", port, deadline=5)
    assert isinstance(found, NoChannel)
    assert found.forbidden
    assert transport.run(Argv(("echo", "alive")), deadline=5).stdout == "alive\n"


def test_a_silent_peer_ends_the_stream_and_not_the_connection(lab: Lab) -> None:
    transport = lab.connect(lab.target(lab.sshd()))
    with listening(answers=False) as port:
        channel = opened(transport.open_channel("127.0.0.1", port, deadline=5))
        with pytest.raises(TimeoutError):
            channel.receive(within=0.3)
        channel.close()
    assert transport.run(Argv(("echo", "alive")), deadline=5).stdout == "alive\n"


def test_a_lost_connection_is_unreachable(lab: Lab) -> None:
    server = lab.sshd()
    transport = lab.connect(lab.target(server))
    with listening(answers=False) as port:
        channel = opened(transport.open_channel("127.0.0.1", port, deadline=5))
        for session in server.sessions():
            os.kill(session, signal.SIGKILL)
        with pytest.raises(Unreachable):
            channel.receive(within=10)
        with pytest.raises(Unreachable):
            channel.send(b"more", within=5)


def test_the_api_is_asked_through_one_connection_as_the_administrator(
    lab: Lab, api: TlsApi
) -> None:
    transport = lab.connect(lab.target(lab.sshd(), user=lab.users["dash"]))
    with api_of(transport, api.kubeconfig) as found:
        assert found.get("/readyz") == b"ok"
        assert found.get("/version") == b"ok"
        found.patch(NODES, "pi", {"metadata": {"labels": {"a": None}}})
    assert [(r.method, r.path) for r in api.asked] == [
        ("GET", "/readyz"),
        ("GET", "/version"),
        ("PATCH", "/api/v1/nodes/pi?fieldManager=edgeboot"),
    ]
    assert {r.connection for r in api.asked} == {api.asked[0].connection}
    assert all("system:admin" in r.who for r in api.asked)


def test_a_large_change_arrives_whole(lab: Lab, api: TlsApi) -> None:
    transport = lab.connect(lab.target(lab.sshd()))
    change = {"data": {str(number): "x" * 1000 for number in range(3000)}}
    with api_of(transport, api.kubeconfig) as found:
        found.patch(NODES, "pi", change)
    assert json.loads(api.asked[0].body) == change


def test_where_nothing_is_forwarded_the_hosts_own_kubectl_is_the_way(lab: Lab, api: TlsApi) -> None:
    transport = lab.connect(lab.target(lab.sshd("AllowTcpForwarding no")))
    with api_of(transport, api.kubeconfig) as found:
        assert found.costly


def ask(lab: Lab, config: Secret, path: str = "/readyz", seconds: float = 5) -> bytes:
    transport = lab.connect(lab.target(lab.sshd()))
    api = HttpsApi(transport, parse_credentials(config, "node-1"), seconds=seconds)
    try:
        return api.get(path)
    finally:
        api.close()


def test_another_ca_is_not_believed(lab: Lab, api: TlsApi) -> None:
    stranger = tls_api.issue("another-ca")
    config = tls_api.kubeconfig(api.port, stranger, api.client)
    with pytest.raises(ApiError, match="invalid certificate"):
        ask(lab, config)
    assert api.asked == []


def test_a_certificate_for_another_address_is_not_believed(lab: Lab, tmp_path: Path) -> None:
    with serving(say_ok, tmp_path, address="192.0.2.1") as api:
        with pytest.raises(ApiError, match="invalid certificate"):
            ask(lab, api.kubeconfig)
        assert api.asked == []


def test_insecure_skip_tls_verify_of_the_host_is_ignored(lab: Lab, api: TlsApi) -> None:
    stranger = tls_api.issue("another-ca")
    insecure = {"insecure-skip-tls-verify": True, "proxy-url": "http://192.0.2.9:3128"}
    config = tls_api.kubeconfig(api.port, stranger, api.client, **insecure)
    with pytest.raises(ApiError, match="invalid certificate"):
        ask(lab, config)


def test_a_host_whose_clock_is_ahead_is_believed(lab: Lab, tmp_path: Path) -> None:
    """Its CA was made in our future; kubectl on the host would see nothing wrong."""
    with serving(say_ok, tmp_path, starts=datetime.timedelta(hours=3)) as api:
        assert api.ca.certificate.not_valid_before_utc > datetime.datetime.now(datetime.UTC) + HOUR
        assert ask(lab, api.kubeconfig) == b"ok"


def test_a_certificate_that_the_api_does_not_know_is_refused_with_its_code(
    lab: Lab, api: TlsApi
) -> None:
    config = tls_api.kubeconfig(api.port, api.ca, tls_api.issue("system:admin"))
    with pytest.raises(ApiError) as caught:
        ask(lab, config)
    assert caught.value.where == "node-1"
    assert api.asked == []


def test_errors_carry_the_apis_own_words(lab: Lab, api: TlsApi) -> None:
    api.answer = lambda _r: (404, b'{"kind": "Status", "message": "nodes \\"x\\" not found"}')
    transport = lab.connect(lab.target(lab.sshd()))
    with api_of(transport, api.kubeconfig) as found:
        assert find(found, "/api/v1/nodes/x") is None
        with pytest.raises(ApiError, match='the API returned 404: nodes "x" not found'):
            found.get("/api/v1/nodes/x")


LIES = {
    "no JSON": b"<html>",
    "an array": b"[]",
    "items that are none": b'{"items": 7}',
    "deep": b"[" * 200_000,
}


@pytest.mark.parametrize("body", LIES.values(), ids=LIES)
def test_what_makes_no_sense_is_that_hosts_error(lab: Lab, api: TlsApi, body: bytes) -> None:
    api.answer = lambda request: (200, b"ok" if request.path == "/readyz" else body)
    transport = lab.connect(lab.target(lab.sshd()))
    with api_of(transport, api.kubeconfig) as found:
        seen = found.snapshot((NODES,))
        assert seen.ready
        assert NODES not in seen.items
        assert "cannot read" in seen.complaints[0]


def test_an_endless_answer_is_cut_off(
    lab: Lab, api: TlsApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edgeboot.kube.https._MAX_BODY", 1 << 20)
    api.answer = lambda _r: (200, b" " * (2 << 20))
    with pytest.raises(ApiError, match="exceeds 1 MiB"):
        ask(lab, api.kubeconfig)


def test_an_answer_that_does_not_end_is_not_waited_for(lab: Lab, api: TlsApi) -> None:
    release = threading.Event()

    def hang(_request: Request) -> tuple[int, bytes]:
        release.wait(30)
        return 200, b"late"

    api.answer = hang
    try:
        with pytest.raises(ApiError, match=r"no answer within 0\.5 s"):
            ask(lab, api.kubeconfig, seconds=0.5)
    finally:
        release.set()


def test_a_restart_of_the_api_between_two_questions_is_borne(lab: Lab, tmp_path: Path) -> None:
    """The idle connection is gone: a question is asked again, a change is not."""
    with serving(say_ok, tmp_path) as api:
        transport = lab.connect(lab.target(lab.sshd()))
        with api_of(transport, api.kubeconfig) as found:
            api.close_after_answer = True
            assert found.get("/readyz") == b"ok"
            api.close_after_answer = False
            time.sleep(0.2)
            assert found.get("/readyz") == b"ok"
            assert len({r.connection for r in api.asked}) == 2


def test_json_is_read_by_path(lab: Lab, api: TlsApi) -> None:
    api.answer = lambda _r: (200, b'{"major": "1"}')
    transport = lab.connect(lab.target(lab.sshd()))
    with api_of(transport, api.kubeconfig) as found:
        assert read(found, "/version").member("major").text() == "1"
