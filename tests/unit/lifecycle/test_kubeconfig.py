"""Kubeconfigs: rewritten, and merged without losing a word of anybody else's."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from edgeboot.errors import BadInput, Refused, StepFailed
from edgeboot.lifecycle.kubeconfig import merging
from edgeboot.lifecycle.kubeconfig.fetch import rewritten
from edgeboot.secret import Secret
from edgeboot.yaml import verbatim
from tests.support.kubeconfigs import CERTIFICATE, CLUSTER, K3S, KEY, OTHERS, OURS, without_ours


def merge(existing: bytes, ours: bytes = OURS, **given: bool) -> bytes:
    flags = {"use": False, "force": False, **given}
    return merging.merged(existing, ours, where="config", **flags)


def scalars(data: bytes) -> Any:
    """A document as the texts of its scalars, with their types and quotes."""
    return [
        (token.value, token.plain)
        for token in yaml.scan(data)
        if isinstance(token, yaml.ScalarToken)
    ]


def test_address_and_names_are_the_clusters() -> None:
    document = yaml.safe_load(OURS)
    assert document["clusters"][0]["cluster"]["server"] == "https://192.0.2.11:6443"
    assert document["current-context"] == "edge"
    assert document["contexts"][0] == {
        "name": "edge",
        "context": {"cluster": "edge", "user": "edge"},
    }
    assert document["users"][0]["user"]["client-key-data"] == KEY


def test_address_and_names_as_given() -> None:
    document = yaml.safe_load(
        rewritten(K3S, CLUSTER, context="1e3", server="https://localhost:7443")
    )
    assert document["clusters"][0]["cluster"]["server"] == "https://localhost:7443"
    assert b'"1e3"' in rewritten(K3S, CLUSTER, context="1e3")
    assert document["users"][0]["name"] == "1e3"


@pytest.mark.parametrize("text", [b"", b"a: [", b"clusters: []\nusers: []\ncontexts: []\n", b"1"])
def test_a_kubeconfig_of_another_form(text: bytes) -> None:
    with pytest.raises(StepFailed, match="cannot read its kubeconfig"):
        rewritten(Secret(text), CLUSTER)


def hostile(document: dict[str, Any]) -> None:
    """What a server that was taken over would like the operator's kubectl to do."""
    cluster, user = document["clusters"][0]["cluster"], document["users"][0]["user"]
    document["preferences"] = {"colors": True}
    document["extensions"] = [{"name": "canary", "extension": {}}]
    document["contexts"][0]["context"]["namespace"] = "canary"
    cluster |= {"insecure-skip-tls-verify": True, "proxy-url": "http://canary.example:1"}
    cluster |= {"tls-server-name": "canary", "certificate-authority": "/etc/canary"}
    user |= {"exec": {"command": "canary", "apiVersion": "client.authentication.k8s.io/v1"}}
    user |= {"tokenFile": "/canary", "token": "canary", "username": "canary", "as": "canary"}
    user |= {"auth-provider": {"name": "canary"}, "client-key": "/etc/canary"}


def test_nothing_but_ca_certificate_and_key_comes_from_the_host() -> None:
    document = yaml.safe_load(K3S.value)
    hostile(document)
    assert rewritten(Secret(yaml.safe_dump(document).encode()), CLUSTER) == OURS


@pytest.mark.parametrize("word", ["\n    exec: {command: canary}\n", "# canary\n", "\x1b]0;canary"])
def test_nothing_travels_beside_a_key(word: str) -> None:
    document = yaml.safe_load(K3S.value)
    key = base64.b64decode(KEY) + word.encode()
    document["users"][0]["user"]["client-key-data"] = base64.b64encode(key).decode()
    with pytest.raises(StepFailed, match="cannot read its kubeconfig"):
        rewritten(Secret(yaml.safe_dump(document).encode()), CLUSTER)


def test_everything_else_is_kept_to_the_letter() -> None:
    after = merge(OTHERS)
    assert without_ours(yaml.safe_load(after)) == yaml.safe_load(OTHERS)
    assert set(scalars(OTHERS)) <= set(scalars(after))
    assert yaml.safe_load(after)["current-context"] == "work"
    assert yaml.safe_load(merge(OTHERS, use=True))["current-context"] == "edge"


def test_merging_twice_changes_nothing() -> None:
    once = merge(OTHERS)
    assert merge(once) == once


def test_new_certificates_replace_the_old_and_the_chosen_namespace_stays() -> None:
    once = merge(OTHERS).replace(
        b"    cluster: edge\n", b"    cluster: edge\n    namespace: shop\n"
    )
    again = yaml.safe_load(merge(once, OURS.replace(CERTIFICATE.encode(), b"TkVX")))
    mine = {s: next(e for e in again[s] if e["name"] == "edge") for s in ("users", "contexts")}
    assert mine["users"]["user"]["client-certificate-data"] == "TkVX"
    assert mine["contexts"]["context"]["namespace"] == "shop"


@pytest.mark.parametrize(
    "existing",
    [
        b"clusters: [{name: edge, cluster: {server: https://other:6443}}]\n",
        b"users: [{name: edge, user: {token: t}}]\n",
        b"contexts: [{name: edge, context: {cluster: work, user: me}}]\n",
        OURS.replace(b"user: edge", b"user: somebody").replace(KEY.encode(), b"QQ=="),
    ],
)
def test_a_name_that_is_somebody_elses(existing: bytes) -> None:
    with pytest.raises(Refused, match="'edge'"):
        merge(existing)
    forced = yaml.safe_load(merge(existing, force=True))
    assert [e["name"] for e in forced["clusters"]].count("edge") == 1
    assert forced["contexts"][-1]["context"]["user"] == "edge"


@pytest.mark.parametrize(
    "text",
    [b"a: [", b"- a\n", b"clusters: {}\n", b"users: [x]\n", b"a: 1\na: 2\n", b"? [a]\n: b\n"],
)
def test_what_is_no_kubeconfig_is_left_alone(tmp_path: Path, text: bytes) -> None:
    path = tmp_path / "config"
    path.write_bytes(text)
    with pytest.raises(BadInput, match="not a kubeconfig"):
        merging.merge_into(path, OURS, use=False, force=False)
    assert [p.name for p in tmp_path.iterdir()] == ["config"]
    assert path.read_bytes() == text


def test_the_file_is_private_backed_up_once_and_a_link_stays(tmp_path: Path) -> None:
    real, link = tmp_path / "real", tmp_path / "config"
    real.write_bytes(OTHERS)
    real.chmod(0o644)
    link.symlink_to(real)
    backup = merging.merge_into(link, OURS, use=False, force=False)
    assert backup is not None
    assert backup.read_bytes() == OTHERS
    assert (real.stat().st_mode & 0o777, backup.stat().st_mode & 0o777) == (0o600, 0o600)
    assert link.is_symlink()
    assert merging.merge_into(link, OURS, use=True, force=False) is None
    assert backup.read_bytes() == OTHERS
    assert not (tmp_path / "real.lock").exists()


def test_a_new_file(tmp_path: Path) -> None:
    path = tmp_path / "kube" / "config"
    assert merging.merge_into(path, OURS, use=False, force=False) is None
    assert path.read_bytes() == OURS


def test_kubectls_lock_is_respected(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(merging, "_LOCK_SECONDS", 0.0)
    (tmp_path / "config.lock").touch()
    with pytest.raises(Refused, match="is writing"):
        merging.merge_into(tmp_path / "config", OURS, use=False, force=False)
    assert (tmp_path / "config.lock").exists()


def test_where_kubectl_would_write(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("KUBECONFIG", ":/a:/b")
    assert merging.target() == Path("/a")
    monkeypatch.delenv("KUBECONFIG")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert merging.target() == tmp_path / ".kube/config"


TEXTS = st.text(st.characters(codec="utf-8", exclude_categories=("Cs", "Cc")), min_size=1)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | TEXTS | st.dates(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=8,
)


@given(VALUES)
def test_any_extension_survives(value: Any) -> None:
    document = {"extensions": value, "clusters": [], "users": [], "contexts": []}
    existing = yaml.safe_dump(document, allow_unicode=True).encode()
    assert without_ours(yaml.safe_load(merge(existing))) == yaml.safe_load(existing)


@given(TEXTS)
def test_any_text_of_ours_is_read_as_text(text: str) -> None:
    assert yaml.safe_load(verbatim.dump({"a": text})) == {"a": text}
