"""Registries that answer wrongly: each is an expected error that says what next."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from edgeboot.blob import BytesSource
from edgeboot.bundle.http.client import Http
from edgeboot.bundle.http.urls import is_local, redirected
from edgeboot.bundle.oci import documents
from edgeboot.bundle.oci.reference import Reference, parse
from edgeboot.bundle.registry.client import Registry
from edgeboot.bundle.registry.hosts import Hosts
from edgeboot.bundle.registry.keychain import Keychain
from edgeboot.bundle.registry.push import put_manifest, upload_blob
from edgeboot.errors import EdgebootError, Refused
from tests.support.bundle.registries import Front, front

pytestmark = pytest.mark.integration

PAGE = b"<!DOCTYPE html><title>Sign in to the hotel's network</title>"


@pytest.fixture
def server() -> Iterator[Front]:
    with front() as found:
        yield found


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    waits: list[float] = []
    keychain = Keychain(tmp_path / "none")
    return Registry(keychain=keychain, http=Http(stall=2), sleep=waits.append)


def challenged(header: str | None) -> Callable[[Any], bool]:
    headers = {} if header is None else {"WWW-Authenticate": header}
    return lambda handler: bool(handler.reply(401, headers))


def moved(location: str) -> Callable[[Any], bool]:
    return lambda handler: bool(handler.reply(307, {"Location": location}))


ANSWERS: dict[str, Callable[[Any], bool]] = {
    "401 without a challenge": challenged(None),
    "401 with an empty challenge": challenged(""),
    "401 with Negotiate": challenged("Negotiate, NTLM"),
    "401 with noise": challenged('Digest realm="x", qop="auth"'),
    "401 with Bearer alone": challenged("Bearer"),
    "401 with Basic and no credential": challenged('Basic realm="x"'),
    "401 with a realm in no URL": challenged('Bearer realm="http://[::1"'),
    "401 with a realm and a bad port": challenged('Bearer realm="https://x.example:99999999/"'),
    "401 with a realm on the link": challenged('Bearer realm="http://169.254.169.254/x"'),
    "a redirect to no URL": moved("http://[::1"),
    "a redirect with a bad port": moved("https://x.example:99999999/"),
    "a redirect to a file": moved("file:///etc/passwd"),
    "a redirect without a host": moved("https:///x"),
    "a redirect of 100 kB": moved("/" + "x" * 50_000),
    "a redirect to itself": lambda h: bool(h.reply(302, {"Location": h.path})),
    "a redirect to nowhere": lambda h: bool(h.reply(302)),
    "304": lambda h: bool(h.reply(304)),
    "a page": lambda h: bool(h.reply(200, {"Content-Type": "text/html"}, PAGE)),
    "a list": lambda h: bool(h.reply(200, {}, b"[]")),
    "nothing": lambda h: bool(h.reply(200)),
    "deep JSON": lambda h: bool(h.reply(200, {}, b"[" * 100_000)),
    "429 for ever": lambda h: bool(h.reply(429, {"Retry-After": "9" * 5000})),
    "429 until 9999": lambda h: bool(
        h.reply(429, {"Retry-After": "Fri, 31 Dec 9999 23:59:59 GMT"})
    ),
    "429 at no time": lambda h: bool(h.reply(429, {"Retry-After": "-1e999"})),
    "a status of its own": lambda h: bool(h.reply(299)),
}


def ask(registry: Registry, reference: Reference, what: str) -> None:
    if what == "manifest":
        registry.manifest(reference)
    elif what == "tags":
        registry.tags(reference)
    else:
        upload_blob(registry, reference, BytesSource(b"data"))
        put_manifest(registry, reference, b"{}", documents.MANIFEST)


@pytest.mark.parametrize("kind", ANSWERS)
@pytest.mark.parametrize("asked", ["manifest", "tags", "push"])
def test_a_wrong_answer_is_an_expected_error(
    server: Front, registry: Registry, kind: str, asked: str
) -> None:
    server.rules.append(ANSWERS[kind])
    reference = parse(f"{server.host}/site/app:1")
    with pytest.raises(EdgebootError) as caught:
        ask(registry, reference, asked)
    assert server.host in caught.value.what
    assert caught.value.hint


@pytest.mark.parametrize(
    "location", ["", "http://[::1", "ftp://x/", "https://x.example:99999999/", "https:///"]
)
def test_an_upload_is_not_sent_to_an_invalid_location(
    server: Front, registry: Registry, location: str
) -> None:
    def start(handler: Any) -> bool:
        if handler.command == "HEAD":
            return bool(handler.reply(404))
        return bool(handler.reply(202, {"Location": location} if location else {}))

    server.rules.append(start)
    with pytest.raises(EdgebootError) as caught:
        upload_blob(registry, parse(f"{server.host}/site/app:1"), BytesSource(b"data"))
    assert server.host in caught.value.what
    assert caught.value.hint
    assert {seen.method for seen in server.seen} == {"HEAD", "POST"}


LOCAL = [
    *("localhost", "LOCALHOST.", "x.localhost", "127.0.0.1", "127.1", "0x7f000001", "2130706433"),
    *("0", "169.254.169.254", "[::1]", "[::]", "[fe80::1]", "[::ffff:127.0.0.1]"),
]


@pytest.mark.parametrize("host", LOCAL)
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_registry_elsewhere_cannot_send_edgeboot_to_this_machine(host: str, scheme: str) -> None:
    url = f"{scheme}://{host}:6443/x"
    for own in ("https://registry.example", "http://192.0.2.1:5000"):
        with pytest.raises(Refused, match="an address of this machine or its link"):
            redirected(f"{own}/v2/x", url)
    endpoint = Hosts().origin("registry.example")
    assert not Hosts().realm_is_safe(endpoint, url)


@pytest.mark.parametrize("host", ["registry.example", "10.0.0.1", "192.0.2.1", "2001:db8::1", ""])
def test_other_addresses_are_not_local(host: str) -> None:
    assert not is_local(host)


def test_a_registry_on_this_machine_may_redirect_on_it() -> None:
    url = "http://127.0.0.1:5000/v2/x"
    assert redirected(url, "http://localhost:6000/y") == "http://localhost:6000/y"
    assert redirected(url, "/y") == "http://127.0.0.1:5000/y"
