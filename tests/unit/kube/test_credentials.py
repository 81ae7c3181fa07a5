"""The administrator's credentials: what is taken from a k3s.yaml, and that they stay in memory."""

from __future__ import annotations

import json
import os
import ssl
import stat
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from edgeboot.kube import tls
from edgeboot.kube.api import ApiError
from edgeboot.kube.credentials import parse_credentials
from edgeboot.secret import Secret
from tests.support.tls_api import issue, kubeconfig

CA = issue("ca")
CLIENT = issue("system:admin", CA)
Change = Callable[[dict[str, Any]], object]


def changed(change: Change) -> Secret:
    document = json.loads(kubeconfig(6443, CA, CLIENT).value)
    change(document)
    return Secret(json.dumps(document).encode())


def test_a_kubeconfig_of_k3s_is_read() -> None:
    found = parse_credentials(kubeconfig(7443, CA, CLIENT), "pi")
    assert (found.host, found.port) == ("127.0.0.1", 7443)
    assert found.ca.encode() == CA.certificate_pem
    assert found.certificate.encode() == CLIENT.certificate_pem
    assert found.key.value == CLIENT.key_pem
    assert "PRIVATE KEY" not in repr(found)


def cluster(document: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = document["clusters"][0]["cluster"]
    return found


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("https://[::1]:6443", ("::1", 6443)),
        ("https://192.0.2.7:6443/", ("192.0.2.7", 6443)),
        ("https://127.0.0.1", ("127.0.0.1", 443)),
    ],
)
def test_addresses(url: str, address: tuple[str, int]) -> None:
    config = changed(lambda d: cluster(d).update(server=url))
    found = parse_credentials(config, "pi")
    assert (found.host, found.port) == address


def test_what_a_host_must_not_decide_is_ignored() -> None:
    def meddle(document: dict[str, Any]) -> None:
        cluster(document).update(
            {"insecure-skip-tls-verify": True, "proxy-url": "socks5://192.0.2.1:1080"}
        )
        document["users"][0]["user"]["exec"] = {"command": "/bin/sh", "args": ["-c", "id"]}

    assert parse_credentials(changed(meddle), "pi") == parse_credentials(
        kubeconfig(6443, CA, CLIENT), "pi"
    )


BAD: dict[str, Change] = {
    "a name, which would be looked up": lambda d: cluster(d).update(server="https://evil:6443"),
    "no TLS": lambda d: cluster(d).update(server="http://127.0.0.1:6443"),
    "a password in the URL": lambda d: cluster(d).update(server="https://a:b@127.0.0.1:6443"),
    "a path": lambda d: cluster(d).update(server="https://127.0.0.1:6443/k8s"),
    "an impossible port": lambda d: cluster(d).update(server="https://127.0.0.1:99999"),
    "a CA by file": lambda d: cluster(d).update({"certificate-authority-data": "/etc/ca.pem"}),
    "a CA that is no PEM": lambda d: cluster(d).update({"certificate-authority-data": "AAAA"}),
    "a number": lambda d: cluster(d).update({"certificate-authority-data": []}),
    "no key": lambda d: d["users"][0]["user"].pop("client-key-data"),
    "no cluster": lambda d: d.update(clusters=[]),
    "two clusters": lambda d: d["clusters"].append(d["clusters"][0]),
    "a list of texts": lambda d: d.update(users=["default"]),
}


@pytest.mark.parametrize("change", BAD.values(), ids=BAD)
def test_others_are_that_hosts_error(change: Change) -> None:
    with pytest.raises(ApiError, match="cannot read its kubeconfig") as caught:
        parse_credentials(changed(change), "pi")
    assert caught.value.where == "pi"


@pytest.mark.parametrize("data", [b"", b"\xff\xfe", b"a: b: c", b"[" * 5000, b" " * (1 << 20)])
def test_no_kubeconfig_at_all(data: bytes) -> None:
    with pytest.raises(ApiError):
        parse_credentials(Secret(data), "pi")


def test_certificate_and_key_touch_no_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(**_options: object) -> None:
        raise AssertionError("a directory on disk")

    monkeypatch.setattr(tempfile, "TemporaryDirectory", refuse)
    tls.context_of(parse_credentials(kubeconfig(6443, CA, CLIENT), "pi"))


def test_where_memory_has_no_files_it_is_one_that_only_we_can_read(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delattr(os, "memfd_create")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    modes = []
    load = ssl.SSLContext.load_cert_chain

    def seen(context: Any, path: str, **options: Any) -> None:
        modes.append(stat.S_IMODE(Path(path).stat().st_mode))
        modes.append(stat.S_IMODE(Path(path).parent.stat().st_mode))
        load(context, path, **options)

    monkeypatch.setattr(ssl.SSLContext, "load_cert_chain", seen)
    tls.context_of(parse_credentials(kubeconfig(6443, CA, CLIENT), "pi"))
    assert modes == [0o600, 0o700]
    assert list(tmp_path.iterdir()) == []
