"""Rows 35 to 40 of the catalogue of faults: registries that refuse, redirect, lie and drip."""

from __future__ import annotations

import base64
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from email.utils import formatdate
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from edgeboot.blob import BytesSource
from edgeboot.bundle.format.archive import Bundle
from edgeboot.bundle.format.contents import Image
from edgeboot.bundle.format.encoding import all_blobs
from edgeboot.bundle.http.client import Http
from edgeboot.bundle.oci.reference import Reference, parse
from edgeboot.bundle.registry import artifact
from edgeboot.bundle.registry.client import Registry
from edgeboot.bundle.registry.hosts import Hosts, RegistrySettings
from edgeboot.bundle.registry.keychain import Keychain
from edgeboot.bundle.registry.pull import Pull, Wanted
from edgeboot.bundle.registry.push import put_manifest, upload_blob
from edgeboot.bundle.store.blobs import Store
from edgeboot.errors import EdgebootError, Refused, StepFailed
from edgeboot.events import Event, Note
from edgeboot.platform import AMD64, ARM
from tests.support.bundle import fakes
from tests.support.bundle.containerd import need
from tests.support.bundle.fakes import OCI_INDEX
from tests.support.bundle.registries import (
    PASSWORD,
    USER,
    Front,
    docker_registry,
    front,
    push,
)

pytestmark = pytest.mark.integration

BIG = "".join(f"{i:x}" for i in range(200_000))  # compresses to some hundred kilobytes


@pytest.fixture(scope="module")
def upstream(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    need("docker-registry", "skopeo")
    top = tmp_path_factory.mktemp("upstream")
    layout = fakes.Layout()
    layers = [fakes.tar_of({"big": BIG.encode()}), fakes.layer("small"), fakes.layer("more")]
    child = layout.manifest(layers, "amd64")
    layout.name("app:1", layout.index([child]))
    with docker_registry(top) as host:
        push(layout, host, "site/app:1", top)
        yield host


@pytest.fixture
def server(upstream: str) -> Iterator[Front]:
    with front(upstream) as found:
        yield found


@pytest.fixture(autouse=True)
def netrc(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A netrc with a password for loopback: it must never be used."""
    path = tmp_path / "netrc"
    path.write_text("machine 127.0.0.1 login eve password netrc-secret\n")
    path.chmod(0o600)
    monkeypatch.setenv("NETRC", str(path))


class Client:
    """Pulls with the waits written down and not waited for."""

    def __init__(self, top: Path, *settings: RegistrySettings, stall: float = 60) -> None:
        self.waits: list[float] = []
        self.top = top
        http = Http(Hosts(settings).ca_of, stall)
        chain = Keychain(top / "config.json")
        self.registry = Registry(settings, keychain=chain, http=http, sleep=self.waits.append)

    def pull(self, server: Front) -> tuple[Image, ...]:
        wanted = Wanted(parse(f"{server.host}/site/app:1"), (AMD64,))
        (outcome,) = Pull(self.registry, fakes.store(self.top)).run([wanted])
        if isinstance(outcome, EdgebootError):
            raise outcome
        for blob in outcome[0].blobs:
            assert fakes.store(self.top).find(blob.sha256) == blob
        return outcome


def log_in(top: Path, host: str, **entry: str) -> None:
    packed = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
    config = {"auths": {host: entry or {"auth": packed}}}
    (top / "config.json").write_text(json.dumps(config))


def shown(front: Front) -> set[str]:
    return {seen.headers.get("Authorization", "") for seen in front.seen} - {""}


def first_times(count: int, part: str, answer: Any, method: str = "GET") -> Any:
    """A rule that answers the first ``count`` requests whose path has ``part``."""
    left = [count]

    def rule(handler: Any) -> bool:
        if part not in handler.path or handler.command != method or not left[0]:
            return False
        left[0] -= 1
        return bool(answer(handler))

    return rule


def is_big(handler: Any) -> bool:
    return int(handler.fetch()[1].get("Content-Length", 0)) > 50_000


def bearer(tokens: Front, service: str = "the-registry") -> Any:
    """A rule that lets only those in who have a token from ``tokens``."""

    def rule(handler: Any) -> bool:
        name = handler.path.removeprefix("/v2/").split("/manifests/")[0].split("/blobs/")[0]
        if handler.headers.get("Authorization") == f"Bearer token-for-{name}":
            return False
        challenge = (
            f'Bearer realm="http://{tokens.host}/token",service="{service}",'
            f'scope="repository:{name}:pull,push",error="x, Basic y"'
        )
        return bool(handler.reply(401, {"WWW-Authenticate": challenge}))

    return rule


def token_server(handler: Any) -> bool:
    """Issues tokens by GET with the password, or by POST for an identity token."""
    if handler.command == "POST":
        form = parse_qs(handler.body.decode())
        good = form["refresh_token"] == ["identity"] and form["grant_type"] == ["refresh_token"]
        scope = form["scope"][0]
    else:
        pair = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        good = handler.headers.get("Authorization") == f"Basic {pair}"
        scope = parse_qs(urlsplit(handler.path).query)["scope"][0]
    if not good:
        return bool(handler.reply(401))
    token = {"access_token": f"token-for-{scope.split(':')[1]}"}
    return bool(handler.reply(200, body=json.dumps(token).encode()))


def test_row_35_a_403_is_final(server: Front, tmp_path: Path) -> None:
    server.rules.append(first_times(99, "/v2/", lambda h: h.reply(403), "HEAD"))
    log_in(tmp_path, server.host)
    client = Client(tmp_path)
    with pytest.raises(Refused, match=r"denied access \(HTTP 403\)"):
        client.pull(server)
    assert len(server.seen) == 1
    assert client.waits == []


def test_row_35_a_token_is_asked_for_once_and_renewed_when_it_expires(
    server: Front, tmp_path: Path
) -> None:
    with front() as tokens:
        tokens.rules.append(token_server)
        server.rules.append(bearer(tokens))
        log_in(tmp_path, server.host)
        client = Client(tmp_path, RegistrySettings(server.host, token_host=tokens.host))
        client.pull(server)
        assert len(tokens.seen) == 1
        server.rules.insert(0, first_times(1, "/manifests/", lambda h: h.reply(401, CHALLENGE)))
        CHALLENGE["WWW-Authenticate"] = f'Bearer realm="http://{tokens.host}/token"'
        client.pull(server)
        assert len(tokens.seen) == 2


CHALLENGE: dict[str, str] = {}


def test_row_35_an_identity_token_goes_by_post_and_falls_back_to_get(
    server: Front, tmp_path: Path
) -> None:
    with front() as tokens:
        tokens.rules.append(token_server)
        server.rules.append(bearer(tokens))
        log_in(tmp_path, server.host, identitytoken="identity")
        settings = RegistrySettings(server.host, token_host=tokens.host)
        Client(tmp_path, settings).pull(server)
        assert [seen.method for seen in tokens.seen] == ["POST"]
        tokens.rules.insert(0, lambda h: h.command == "POST" and h.reply(404))
        with pytest.raises(Refused, match="an identity token from"):
            Client(tmp_path, settings).pull(server)
        assert [seen.method for seen in tokens.seen] == ["POST", "POST", "GET"]


@pytest.mark.parametrize("status", [429, 500, 503])
def test_row_36_a_busy_registry_is_waited_for_as_long_as_it_says(
    server: Front, tmp_path: Path, status: int
) -> None:
    date = formatdate(time.time() + 30, usegmt=True)
    server.rules += [
        first_times(1, "/manifests/", lambda h: h.reply(status, {"Retry-After": "7"})),
        first_times(1, "/manifests/", lambda h: h.reply(status, {"Retry-After": date})),
        first_times(1, "/manifests/", lambda h: h.reply(status, {"Retry-After": "99999"})),
    ]
    client = Client(tmp_path)
    client.pull(server)
    assert client.waits[0] == 7
    assert 20 < client.waits[1] <= 30
    assert client.waits[2] == 60


def test_row_36_what_is_left_of_a_rate_limit_is_told(server: Front, tmp_path: Path) -> None:
    def limited(handler: Any) -> bool:
        status, headers, data = handler.fetch()
        headers |= {"RateLimit-Limit": "100;w=21600", "RateLimit-Remaining": "76;w=21600"}
        return bool(handler.reply(status, headers, data))

    server.rules.append(first_times(9, "/manifests/", limited))
    client = Client(tmp_path)
    events: list[Event] = []
    wanted = Wanted(parse(f"{server.host}/site/app:1"), (AMD64,))
    Pull(client.registry, fakes.store(tmp_path), events.append).run([wanted])
    assert Note(f"rate limit of {server.host}: 76 pulls left") in events


def test_row_36_a_registry_that_stays_busy_is_given_up(server: Front, tmp_path: Path) -> None:
    server.rules.append(lambda h: h.reply(503, {"Retry-After": "²"}))
    client = Client(tmp_path)
    with pytest.raises(StepFailed, match=r"HTTP 503 \(4 attempts\)"):
        client.pull(server)
    assert len(client.waits) == 3
    assert client.waits[0] < client.waits[2]


@pytest.mark.parametrize("part", ["/blobs/", "/manifests/sha256:"])
def test_row_37_wrong_bytes_are_fetched_once_more_and_then_refused(
    server: Front, tmp_path: Path, part: str
) -> None:
    def corrupt(handler: Any) -> bool:
        status, headers, data = handler.fetch()
        return bool(handler.reply(status, headers, data[:-1] + bytes([data[-1] ^ 1])))

    server.rules.append(first_times(1, part, corrupt))
    Client(tmp_path / "one").pull(server)
    server.rules[:] = [first_times(99, part, corrupt)]
    server.seen.clear()
    client = Client(tmp_path / "two")
    with pytest.raises(Refused, match="was wrong twice"):
        client.pull(server)
    asked = [seen.path for seen in server.paths(part, "GET")]
    assert all(asked.count(path) == 2 for path in asked)
    for path in (tmp_path / "two/store").glob("*.partial"):
        assert path.stat().st_size == 0


def test_row_37_a_blob_longer_than_its_descriptor_is_cut_off(server: Front, tmp_path: Path) -> None:
    def longer(handler: Any) -> bool:
        status, headers, data = handler.fetch()
        data += bytes(1 << 20)
        return bool(handler.reply(status, {**headers, "Content-Length": str(len(data))}, data))

    server.rules.append(first_times(99, "/blobs/", longer))
    with pytest.raises(Refused, match="longer than its"):
        Client(tmp_path).pull(server)


def test_row_37_a_blob_that_breaks_off_goes_on_from_where_it_was(
    server: Front, tmp_path: Path
) -> None:
    def truncated(handler: Any) -> bool:
        status, headers, data = handler.fetch()
        handler.close_connection = True
        headers["Content-Length"] = str(len(data))
        handler.reply(status, headers, data[: len(data) // 2])
        return True

    left = [2]

    def big(handler: Any) -> bool:
        if "/blobs/" not in handler.path or not left[0] or not is_big(handler):
            return False
        left[0] -= 1
        return truncated(handler)

    server.rules.append(big)
    Client(tmp_path).pull(server)
    ranges = [seen.headers["Range"] for seen in server.seen if "Range" in seen.headers]
    assert ranges
    assert all(value.startswith("bytes=") and value.endswith("-") for value in ranges)


def test_row_37_a_partial_blob_of_an_earlier_run_is_hashed_and_continued(
    server: Front, tmp_path: Path
) -> None:
    (image,) = Client(tmp_path / "first").pull(server)
    big = max(image.blobs, key=lambda blob: blob.size)
    data = b"".join(fakes.store(tmp_path / "first").source(big).open())
    for name, left in (("good", data[:1000]), ("bad", b"x" * 1000), ("long", data + b"x")):
        store = tmp_path / name / "store"
        store.mkdir(parents=True)
        (store / f"{big.sha256}.partial").write_bytes(left)
        server.seen.clear()
        Client(tmp_path / name).pull(server)
        asked = [s.headers.get("Range") for s in server.paths(f"/blobs/sha256:{big.sha256}")]
        assert (
            asked == {"good": ["bytes=1000-"], "bad": ["bytes=1000-", None], "long": [None]}[name]
        )


@pytest.mark.parametrize("answer", [200, 206, 416])
def test_row_37_a_server_that_does_not_continue_makes_it_start_over(
    server: Front, tmp_path: Path, answer: int
) -> None:
    (image,) = Client(tmp_path / "first").pull(server)
    big = max(image.blobs, key=lambda blob: blob.size)
    data = b"".join(fakes.store(tmp_path / "first").source(big).open())
    (tmp_path / "store").mkdir()
    (tmp_path / f"store/{big.sha256}.partial").write_bytes(data[:1000])
    wrong = {"Content-Range": f"bytes 0-{big.size - 1}/{big.size}"} if answer == 206 else {}
    body = b"" if answer == 416 else data
    server.rules.append(
        first_times(1, big.sha256, lambda h: h.reply(answer, wrong, body)),
    )
    Client(tmp_path).pull(server)


def test_row_38_a_credential_never_follows_a_redirect_to_another_host(
    server: Front, upstream: str, tmp_path: Path
) -> None:
    log_in(tmp_path, server.host)
    with front(upstream) as storage:

        def redirect(handler: Any) -> bool:
            location = f"http://{storage.host}{handler.path}?signature=presigned"
            return bool(handler.reply(307, {"Location": location, "Set-Cookie": "id=secret"}))

        def wants_login(handler: Any) -> bool:
            if "Authorization" in handler.headers:
                return False
            return bool(handler.reply(401, {"WWW-Authenticate": 'Basic realm="x"'}))

        server.rules += [wants_login, first_times(99, "/blobs/", redirect)]
        Client(tmp_path).pull(server)
        assert storage.seen
        assert shown(server)
        assert not shown(storage)
        assert not any("Cookie" in seen.headers for seen in storage.seen)
        assert not any("netrc" in value for value in shown(server))


def test_row_38_a_realm_on_another_host_is_not_shown_the_credential(
    server: Front, tmp_path: Path
) -> None:
    log_in(tmp_path, server.host)
    with front() as tokens:
        tokens.rules.append(token_server)
        server.rules.append(bearer(tokens))
        with pytest.raises(Refused, match=rf"(?s)was not sent to.*'token-host: {tokens.host}'"):
            Client(tmp_path).pull(server)
        assert tokens.seen
        assert not shown(tokens)


def test_row_38_a_realm_without_tls_is_not_asked_at_all(server: Front, tmp_path: Path) -> None:
    header = {"WWW-Authenticate": 'Bearer realm="http://token.example/x"'}
    server.rules.append(lambda h: h.reply(401, header))
    with pytest.raises(Refused, match="it must use https"):
        Client(tmp_path).pull(server)


def test_row_39_an_answer_in_plain_http_is_no_tls(server: Front, tmp_path: Path) -> None:
    client = Client(tmp_path, RegistrySettings(server.host, plain_http=False))
    with pytest.raises(Refused, match=r"TLS with .* failed"):
        client.pull(server)
    assert client.waits == []


def test_row_40_an_endless_manifest_is_cut_off(server: Front, tmp_path: Path) -> None:
    sent = [0]

    def endless(handler: Any) -> bool:
        handler.send_response(200)
        handler.end_headers()
        handler.close_connection = True
        try:
            for _ in range(1000):
                handler.wfile.write(b" " * (1 << 20))
                sent[0] += 1
        except OSError:
            pass
        return True

    server.rules.append(first_times(1, "/manifests/", endless))
    with pytest.raises(Refused, match="longer than the limit of 4194304 bytes"):
        Client(tmp_path).pull(server)
    assert sent[0] < 100


@pytest.mark.parametrize("where", ["body", "headers"])
def test_row_40_a_drip_is_cut_off_by_the_stall_timer(
    server: Front, tmp_path: Path, where: str
) -> None:
    def drip(handler: Any) -> bool:
        head = b"HTTP/1.1 200 OK\r\n" + (b"\r\n" if where == "body" else b"X-Slow: ")
        handler.close_connection = True
        try:
            handler.wfile.write(head)
            while True:
                handler.wfile.write(b" ")
                time.sleep(0.05)
        except OSError:
            return True

    server.rules.append(first_times(99, "/manifests/", drip))
    client = Client(tmp_path, stall=0.4)
    with pytest.raises(StepFailed, match=r"4 attempts"):
        client.pull(server)
    assert len(client.waits) == 3


def test_schema_1_is_refused(server: Front, tmp_path: Path) -> None:
    old = json.dumps({"schemaVersion": 1, "name": "site/app", "fsLayers": []}).encode()
    server.rules.append(first_times(1, "/manifests/", lambda h: h.reply(405), "HEAD"))
    server.rules.append(first_times(9, "/manifests/", lambda h: h.reply(200, body=old)))
    with pytest.raises(Refused, match="schema 1"):
        Client(tmp_path).pull(server)


@contextmanager
def started(server: Front, tmp_path: Path, *words: str) -> Iterator[subprocess.Popen[str]]:
    """edgeboot at work with a registry that never answers; it is let go in the end."""
    done = threading.Event()
    server.rules.append(lambda h: done.wait(120) or h.reply(500))
    process = subprocess.Popen(
        [sys.executable, "-m", "edgeboot.cli.main", "bundle", *words],
        env={**os.environ, "HOME": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path / "cache")},
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        while not server.seen:
            assert process.poll() is None
            time.sleep(0.02)
        yield process
    finally:
        done.set()
        process.kill()


@pytest.mark.parametrize("reference", ["app:1", f"app@sha256:{'a' * 64}"])
def test_a_stop_in_the_middle_of_a_build_ends_it(
    server: Front, tmp_path: Path, reference: str
) -> None:
    """While a tag is resolved, and while workers wait for a silent registry."""
    fakes.release(tmp_path / "release", ("amd64",))
    image = f"{server.host}/site/{reference}"
    text = f"name: edge\nk3s: {{arches: [amd64]}}\nimages:\n- name: {image}\n"
    path = fakes.spec_file(tmp_path, text)
    release, out = tmp_path / "release", tmp_path / "out"
    words = ("build", "-f", str(path), "--k3s-release", str(release), "--out", str(out))
    with started(server, tmp_path, *words) as process:
        process.terminate()
        _, told = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "terminated" in told
    assert not out.exists()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_stop_in_the_middle_of_a_push_ends_it(
    server: Front, bundle_file: Path, tmp_path: Path, number: int
) -> None:
    reference = f"{server.host}/site/pushed:1"
    with started(server, tmp_path, "push", str(bundle_file), reference) as process:
        process.send_signal(number)
        _, told = process.communicate(timeout=30)
    assert process.returncode == 130, told
    assert "next: rerun: edgeboot bundle push " in told


def test_a_stop_in_the_middle_of_a_pull_ends_it_and_what_came_stays(
    server: Front, bundle_file: Path, tmp_path: Path
) -> None:
    """The registry gives everything but the largest blob, and keeps silent about that one."""
    reference, out = f"{server.host}/site/half:1", tmp_path / "out.tar"
    artifact.push(bundle_file, parse(reference), Registry(keychain=Keychain(tmp_path / "none")))
    with Bundle.open(bundle_file) as bundle:
        largest = max(all_blobs(bundle.contents), key=lambda blob: blob.size)
    silent, done = threading.Event(), threading.Event()

    def keep_silent(handler: Any) -> bool:
        if largest.sha256 not in handler.path:
            return False
        silent.set()
        return done.wait(120)

    server.rules.append(keep_silent)
    process = subprocess.Popen(
        [sys.executable, "-m", "edgeboot.cli.main", "bundle", "pull", reference, "--out", str(out)],
        env={**os.environ, "HOME": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path / "cache")},
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert silent.wait(60)
        process.send_signal(signal.SIGINT)
        _, told = process.communicate(timeout=30)
    finally:
        done.set()
        process.kill()
    assert process.returncode == 130, told
    assert not out.exists()
    server.rules.clear()
    store = Store(tmp_path / "cache/edgeboot/blobs/sha256")
    assert store.path(largest.sha256).exists() is False
    artifact.pull(parse(reference), out, Registry(keychain=Keychain(tmp_path / "none")), store)
    assert out.read_bytes() == bundle_file.read_bytes()


def push_as_it_is(
    registry: Registry, at: Reference, layout: fakes.Layout, top: dict[str, object]
) -> None:
    """Push a layout without tools: skopeo refuses nested indexes."""
    indexes = []
    for data in layout.blobs.values():
        media_type = json.loads(data).get("mediaType") if data[:1] == b"{" else None
        if media_type == OCI_INDEX:
            indexes.append(data)
        elif media_type is not None:
            put_manifest(registry, replace(at, tag=None), data, media_type)
        else:
            upload_blob(registry, at, BytesSource(data))
    for data in indexes:
        own = top["digest"] == f"sha256:{fakes.sha256(data)}"
        put_manifest(registry, at if own else replace(at, tag=None), data, OCI_INDEX)


def test_what_registries_hold_of_other_tools_is_pulled(upstream: str, tmp_path: Path) -> None:
    """An index in an index, without platforms, with an attestation, a signature and an SBOM."""
    layout = fakes.Layout()
    child = layout.manifest([fakes.layer("odd")], "amd64")
    other = layout.manifest([fakes.layer("other")], "arm64")
    inner = layout.index(
        [{k: v for k, v in one.items() if k != "platform"} for one in (other, child)]
    )
    attests = {**other, "platform": {"architecture": "unknown", "os": "unknown"}}
    top = layout.index([attests, inner])
    registry = Registry(keychain=Keychain(tmp_path / "none"))
    store = fakes.store(tmp_path)
    wanted = Wanted(parse(f"{upstream}/site/odd:1"), (AMD64,))
    push_as_it_is(registry, wanted.reference, layout, top)
    (found,) = Pull(registry, store).run([wanted])
    assert isinstance(found, tuple)
    assert f"sha256:{found[0].manifest}" == child["digest"]
    assert inner["digest"] in {f"sha256:{blob.sha256}" for blob in found[0].blobs}
    (refused,) = Pull(registry, store).run([Wanted(wanted.reference, (ARM,))])
    assert isinstance(refused, Refused)
    assert "has no image for arm, only for linux/amd64, linux/arm64" in refused.what
    assert refused.hint == "restrict it to its architectures: 'arches: [amd64, arm64]'"
