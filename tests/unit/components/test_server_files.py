"""The files of servers and agents where there are several servers, or a datastore elsewhere."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from edgeboot.components.cluster.applied_labels import (
    applied_labels_of,
    dump,
    is_pending,
    record,
)
from edgeboot.components.context import AppliedLabels, JoinConfig
from edgeboot.components.k3s import datastore
from edgeboot.components.k3s.base import config_of, service
from edgeboot.components.k3s.config_file import read, render
from edgeboot.inventory.model import Cluster, ConfigValue, Datastore, DatastoreKind, Node, Role
from edgeboot.plan import paths
from edgeboot.plan.facts import Facts, FileFact, UnitFact
from edgeboot.plan.resources import CreateOnly, File
from edgeboot.secret import Secret
from tests.support.contexts import context, text_of
from tests.support.healthy_host import healthy

A, B = (Node(name, f"192.0.2.1{n}", Role.SERVER) for n, name in enumerate("ab", 1))
AGENT = Node("agent", "192.0.2.21", Role.AGENT)
ETCD = Cluster("edge", (A, B, AGENT), datastore=Datastore(DatastoreKind.ETCD), vip="192.0.2.9")
SECRET = Secret(b"mysql://k3s:s3cret@tcp(192.0.2.5)/k3s")
EXTERNAL = replace(ETCD, datastore=Datastore(DatastoreKind.EXTERNAL, SECRET))


@pytest.mark.parametrize(
    ("cluster", "node", "join", "keys"),
    [
        (ETCD, A, None, {"cluster-init": True, "server": None}),
        (ETCD, B, None, {"cluster-init": None, "server": "https://192.0.2.11:6443"}),
        (ETCD, A, JoinConfig(url="https://192.0.2.12:6443"), {"cluster-init": None}),
        (ETCD, AGENT, None, {"server": "https://192.0.2.9:6443", "agent-token-file": None}),
        (replace(ETCD, vip=None), AGENT, None, {"server": "https://192.0.2.11:6443"}),
        (EXTERNAL, A, None, {"cluster-init": None, "server": None}),
        (EXTERNAL, B, None, {"cluster-init": None, "server": None, "datastore-endpoint": None}),
        (ETCD, B, None, {"tls-san": ("192.0.2.12", "192.0.2.9")}),
        (ETCD, B, None, {"agent-token-file": paths.AGENT_TOKEN}),
    ],
)
def test_keys(
    cluster: Cluster, node: Node, join: JoinConfig | None, keys: dict[str, object]
) -> None:
    config = config_of(cluster, node, join)
    assert {key: config.get(key) for key in keys} == keys


def token_of(node: Node, join: JoinConfig | None = None) -> File | CreateOnly:
    known = replace(
        context(ETCD, node),
        join_token=Secret(b"K10ab::server:x"),
        agent_token=Secret(b"y"),
        join=join,
    )
    (found,) = (
        r for r in service(known) if isinstance(r, File | CreateOnly) and r.path == paths.TOKEN
    )
    return found


def test_only_who_begins_keeps_the_token_it_began_with() -> None:
    assert isinstance(token_of(A), CreateOnly)
    assert isinstance(token_of(B), File)
    assert isinstance(token_of(A, JoinConfig(url="https://192.0.2.12:6443")), File)


def test_an_endpoint_is_a_secret_of_servers_only() -> None:
    assert datastore.variables(context(EXTERNAL, A)) == {"K3S_DATASTORE_ENDPOINT": SECRET}
    assert datastore.variables(context(EXTERNAL, AGENT)) == {}
    assert datastore.variables(context(ETCD, A)) == {}


def facts(record_text: str | None, config: str = "", started: str = "x") -> Facts:
    files = {}
    if record_text is not None:
        content = record_text.encode()
        files[paths.NODE_RECORD] = FileFact("file", 0o600, "0:0", 1, "", content)
    if config:
        files[paths.CONFIG] = FileFact("file", 0o600, "0:0", 1, "", config.encode())
    units = {"k3s-agent": UnitFact("active", True, started)}
    return replace(healthy("agent"), files=files, units=units)


CONFIG = """\
# x
node-label:
  - "a=1"
  - "b=2"
node-name: "agent"
node-taint:
  - "t=1:NoSchedule"
"""


@pytest.mark.parametrize("text", [None, "", "{", "[]", '{"labels": 1}'])
def test_without_a_record_the_configuration_remembers(text: str | None) -> None:
    found = applied_labels_of(facts(text, CONFIG), "k3s-agent")
    assert found == AppliedLabels(frozenset("ab"), frozenset({"t=1:NoSchedule"}), True, True)


@pytest.mark.parametrize(
    ("config", "keys"),
    [
        ("node-label: [a=1, b]\n", {"node-label": ("a=1", "b")}),
        ("server: https://x\n", {"server": "https://x"}),
        ("cluster-init: true\nport: 6443\n", {"cluster-init": True, "port": 6443}),
        ("disable:\nnode-name: a\nx: {y: 1}\nz: 1.5\n", {"node-name": "a"}),
        ("- a\n", None),
        ("a\n", None),
        ("a: [\n", None),
        ("", None),
    ],
)
def test_the_keys_of_a_configuration(config: str, keys: dict[str, object] | None) -> None:
    assert read(facts(None, config)) == keys


def test_what_is_written_is_read() -> None:
    config: dict[str, ConfigValue] = {
        "node-name": "a: b",
        "write-kubeconfig-mode": "0600",
        "tls-san": ("192.0.2.1", "yes", "2001:db8::1"),
        "cluster-init": True,
        "https-listen-port": 6443,
    }
    assert read(facts(None, render({**config, "disable": ()}))) == config


@pytest.mark.parametrize(
    ("applied_labels", "labels", "taints", "pending"),
    [
        (AppliedLabels(registered=True), {"a": "1"}, (), False),  # K3s puts it on
        (AppliedLabels(frozenset("a"), registered=True), {"a": "2"}, (), False),
        (AppliedLabels(frozenset("ab"), registered=True), {"a": "1"}, (), True),
        (AppliedLabels(frozenset("ab"), registered=False), {"a": "1"}, (), False),
        (AppliedLabels(taints=frozenset({"t=1:NoSchedule"}), registered=True), {}, (), True),
        (AppliedLabels(registered=True), {}, ("t=1:NoSchedule",), True),
        (AppliedLabels(registered=True, settled=False), {}, (), True),
    ],
)
def test_what_is_left_to_kubectl(
    applied_labels: AppliedLabels, labels: dict[str, str], taints: tuple[str, ...], pending: bool
) -> None:
    node = replace(AGENT, labels=labels, taints=taints)
    assert is_pending(applied_labels, node) is pending
    said = json.loads(text_of(record(applied_labels, node)))
    assert said["settled"] is not pending
    assert set(said["labels"]) >= set(labels)
    if pending:
        assert set(said["labels"]) >= applied_labels.labels
        assert set(said["taints"]) >= applied_labels.taints


def test_a_record_is_read_as_it_was_written() -> None:
    applied_labels = AppliedLabels(frozenset("ab"), frozenset({"t=1:NoSchedule"}), False, True)
    assert applied_labels_of(facts(dump(applied_labels)), "k3s-agent") == applied_labels
