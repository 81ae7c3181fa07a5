"""What the inventory says of several servers: datastore, secrets of it, advice."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgeboot.errors import BadInput
from edgeboot.inventory.cluster.servers import warnings
from edgeboot.inventory.load import load
from edgeboot.inventory.model import Cluster, DatastoreKind
from edgeboot.secret import Secret

ENDPOINT = "postgres://k3s:s3cret@192.0.2.5:5432/k3s"


def loaded(path: Path, cluster: str, servers: int = 1) -> Cluster:
    nodes = "".join(
        f"  - {{name: server-{n}, address: 192.0.2.{10 + n}, role: server}}\n"
        for n in range(1, servers + 1)
    )
    inventory = path / "inventory.yml"
    inventory.write_text(f"cluster: {{name: edge{cluster}}}\nnodes:\n{nodes}")
    return load(inventory)


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("", DatastoreKind.SQLITE),
        (", datastore: sqlite", DatastoreKind.SQLITE),
        (", datastore: etcd", DatastoreKind.ETCD),
    ],
)
def test_a_datastore_by_its_name(tmp_path: Path, text: str, kind: DatastoreKind) -> None:
    assert loaded(tmp_path, text).datastore.kind is kind


def test_an_endpoint_comes_from_a_closed_file_beside_the_inventory(tmp_path: Path) -> None:
    secret = tmp_path / "datastore.url"
    secret.write_text(ENDPOINT + "\n")
    secret.chmod(0o600)
    found = loaded(tmp_path, ", datastore: {endpoint-file: datastore.url}", 3).datastore
    assert (found.kind, found.endpoint) == (DatastoreKind.EXTERNAL, Secret(ENDPOINT.encode()))
    assert "s3cret" not in repr(found)


def test_an_endpoint_comes_from_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SITE_DATASTORE", ENDPOINT)
    found = loaded(tmp_path, ", datastore: {endpoint-env: SITE_DATASTORE}", 2).datastore
    assert found.endpoint == Secret(ENDPOINT.encode())


def test_a_file_that_others_can_read_is_refused(tmp_path: Path) -> None:
    secret = tmp_path / "datastore.url"
    secret.write_text(ENDPOINT)
    secret.chmod(0o644)
    with pytest.raises(BadInput, match="holds a secret and has mode 0644") as caught:
        loaded(tmp_path, ", datastore: {endpoint-file: datastore.url}")
    assert caught.value.hint == f"chmod 600 {secret}"


@pytest.mark.parametrize(
    "text",
    [
        "s3cret",
        "ftp://k3s:s3cret@192.0.2.5/k3s",
        f"{ENDPOINT}\n{ENDPOINT}",
        f"{ENDPOINT}'; touch /canary",
        f"{ENDPOINT}\\",
        "",
    ],
)
def test_what_is_no_endpoint_is_refused_and_not_shown(tmp_path: Path, text: str) -> None:
    secret = tmp_path / "datastore.url"
    secret.write_text(text)
    secret.chmod(0o600)
    with pytest.raises(BadInput, match="does not lead to the endpoint") as caught:
        loaded(tmp_path, ", datastore: {endpoint-file: datastore.url}")
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize(
    ("cluster", "servers", "words"),
    [
        ("", 1, []),
        (", datastore: etcd", 1, []),
        (", datastore: etcd, vip: 192.0.2.9", 3, []),
        (", datastore: etcd, vip: 192.0.2.9", 2, ["two servers are less safe than one"]),
        (", datastore: etcd, vip: 192.0.2.9", 4, ["no more failures than 3"]),
        (", datastore: etcd", 3, ["without 'vip' the kubeconfig points to 'server-1' only"]),
    ],
)
def test_advice(tmp_path: Path, cluster: str, servers: int, words: list[str]) -> None:
    said = list(warnings(loaded(tmp_path, cluster, servers)))
    assert len(said) == len(words)
    assert all(word in line for word, line in zip(words, said, strict=True))


def test_a_default_said_on_one_server_is_no_difference(tmp_path: Path) -> None:
    inventory = tmp_path / "inventory.yml"
    inventory.write_text(
        "cluster: {name: edge, datastore: etcd}\nnodes:\n"
        "  - {name: a, address: 192.0.2.11, role: server, config: {flannel-backend: vxlan}}\n"
        "  - {name: b, address: 192.0.2.12, role: server}\n"
    )
    assert len(load(inventory).servers) == 2
